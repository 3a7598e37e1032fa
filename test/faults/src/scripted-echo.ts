import {
  encodeHeaderBlock,
  loadEchoPackage,
  startScriptedPeer,
  type EchoRequest,
  type Http2Frame,
  type PeerConnection,
  type PeerScript,
  type ScriptedPeer,
} from '@grpc-manifold/testing';

/** What a connection does with calls: answer them, take them and be silent, refuse them, or not read what they send. */
export type Manner = 'answer' | 'hold' | 'refuse' | 'slow';

interface Stream {
  unread: Buffer;
  hasRequest: boolean;
  hasHeaders: boolean;
  hasAnswered: boolean;
  hangs: boolean;
  isDone: boolean;
}

const REFUSED_STREAM = 7;
/** An `EchoResponse` of defaults. */
const EMPTY_MESSAGE = Buffer.alloc(5);

/** A scripted peer that serves Echo as the real servers do, and does to each connection what a test asks for. */
export class ScriptedEcho implements AsyncDisposable {
  readonly #manners = new Map<PeerConnection, Manner>();
  readonly #streams = new Map<PeerConnection, Map<number, Stream>>();
  /** Bytes that a slow reader has not given window for. */
  readonly #owed = new Map<PeerConnection, Map<number, number>>();
  peer!: ScriptedPeer;

  static async start(settings: PeerScript['settings'] = {}): Promise<ScriptedEcho> {
    const echo = new ScriptedEcho();
    echo.peer = await startScriptedPeer({
      settings,
      windowUpdates: false,
      onHeaders: (connection, id) => echo.#begin(connection, id),
      onFrame: (connection, frame) => echo.#take(connection, frame),
    });
    return echo;
  }

  get port(): number {
    return this.peer.port;
  }

  /** Changes what a connection does from now on. One that reads again gives all the window that it owes. */
  behave(connection: PeerConnection, manner: Manner): void {
    this.#manners.set(connection, manner);
    if (manner === 'slow') return;
    for (const [streamId, increment] of this.#owed.get(connection) ?? []) {
      this.#giveWindow(connection, streamId, increment);
    }
    this.#owed.delete(connection);
  }

  /** True when a whole message of a call has come. */
  hasRequest(connection: PeerConnection, id: number): boolean {
    return this.#streams.get(connection)?.get(id)?.hasRequest === true;
  }

  /** Completes the unary calls of a connection that have not been answered. */
  answerAll(connection: PeerConnection): void {
    for (const [id, stream] of this.#streams.get(connection) ?? []) {
      stream.hangs = false;
      if (!stream.hasAnswered) this.#answer(connection, id, stream);
      if (stream.isDone) this.#end(connection, id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
  }

  #mannerOf(connection: PeerConnection): Manner {
    return this.#manners.get(connection) ?? 'answer';
  }

  #begin(connection: PeerConnection, id: number): void {
    if (this.#mannerOf(connection) === 'refuse') return connection.sendRst(id, REFUSED_STREAM);
    const streams = this.#streams.get(connection) ?? new Map<number, Stream>();
    const nothing = { hasRequest: false, hasHeaders: false, hasAnswered: false, hangs: false, isDone: false };
    streams.set(id, { unread: Buffer.alloc(0), ...nothing });
    this.#streams.set(connection, streams);
  }

  #take(connection: PeerConnection, frame: Http2Frame): void {
    if (frame.kind !== 'data') return;
    this.#consume(connection, frame.streamId, frame.flowBytes ?? 0);
    const stream = this.#streams.get(connection)?.get(frame.streamId);
    if (stream === undefined) return;
    stream.unread = Buffer.concat([stream.unread, frame.data]);
    stream.isDone = frame.endStream === true;
    // Length-prefixed messages, as gRPC over HTTP/2 has it.
    while (stream.unread.length >= 5 && stream.unread.length >= 5 + stream.unread.readUInt32BE(1)) {
      const end = 5 + stream.unread.readUInt32BE(1);
      this.#receive(connection, frame.streamId, stream, stream.unread.subarray(5, end));
      stream.unread = stream.unread.subarray(end);
    }
    if (stream.isDone && !stream.hangs) this.#end(connection, frame.streamId);
  }

  #receive(connection: PeerConnection, id: number, stream: Stream, message: Buffer): void {
    const request: EchoRequest = loadEchoPackage().service.Unary.requestDeserialize(message);
    stream.hasRequest = true;
    stream.hangs = request.hang === true || this.#mannerOf(connection) === 'hold';
    if (request.sendInitialMetadata === true) this.#sendHeaders(connection, id, stream);
    if (!stream.hangs) this.#answer(connection, id, stream);
  }

  #answer(connection: PeerConnection, id: number, stream: Stream): void {
    this.#sendHeaders(connection, id, stream);
    stream.hasAnswered = true;
    connection.send({ kind: 'data', streamId: id, data: EMPTY_MESSAGE });
  }

  #sendHeaders(connection: PeerConnection, id: number, stream: Stream): void {
    if (!stream.hasHeaders) connection.respondPartly(id);
    stream.hasHeaders = true;
  }

  #end(connection: PeerConnection, id: number): void {
    if (this.#streams.get(connection)?.delete(id) !== true) return;
    connection.send({
      kind: 'headers',
      streamId: id,
      block: encodeHeaderBlock([['grpc-status', '0']]),
      endStream: true,
    });
  }

  #consume(connection: PeerConnection, streamId: number, bytes: number): void {
    if (bytes === 0) return;
    if (this.#mannerOf(connection) !== 'slow') return this.#giveWindow(connection, streamId, bytes);
    const owed = this.#owed.get(connection) ?? new Map<number, number>();
    owed.set(streamId, (owed.get(streamId) ?? 0) + bytes);
    this.#owed.set(connection, owed);
  }

  #giveWindow(connection: PeerConnection, streamId: number, increment: number): void {
    connection.send({ kind: 'window-update', streamId: 0, increment });
    connection.send({ kind: 'window-update', streamId, increment });
  }
}
