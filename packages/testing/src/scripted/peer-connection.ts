import type { Socket } from 'node:net';
import { Condition } from '../clock/condition.js';
import { resetSocket } from '../proxies/faulty-pipe.js';
import { encodeHeaderBlock } from './header-block.js';
import {
  CLIENT_PREFACE,
  encodeFrame,
  FrameDecoder,
  MAX_FRAME_BYTES,
  type Http2Frame,
  type Http2Settings,
} from './http2-frame.js';

/** What a scripted peer does by itself. Whatever is turned off, a test can do by hand. */
export interface PeerScript {
  /** Sent first on each connection; 'never' for a peer that accepts and stays silent. Default {}. */
  readonly settings?: Http2Settings | 'never';
  /** Acknowledge the client's SETTINGS. Default true, false when `settings` is 'never'. */
  readonly ackSettings?: boolean;
  /** Answer PING. Default true, false when `settings` is 'never'. */
  readonly ackPings?: boolean;
  /** Give back flow-control window for all DATA at once. Default true, false when `settings` is 'never'. */
  readonly windowUpdates?: boolean;
  readonly onConnection?: (connection: PeerConnection) => void;
  /** A stream was opened: its whole header block is here. */
  readonly onHeaders?: (connection: PeerConnection, streamId: number) => void;
  /** The client has sent all of its request. */
  readonly onRequestEnd?: (connection: PeerConnection, streamId: number) => void;
  /** Any frame, after the peer's own answer to it. */
  readonly onFrame?: (connection: PeerConnection, frame: Http2Frame) => void;
}

/** A whole gRPC response. */
export interface PeerResponse {
  /** gRPC status code. Default 0. */
  readonly status?: number;
  /** Becomes grpc-message, percent-encoded. */
  readonly details?: string;
  /** Serialized messages. Together at most 65,535 bytes: the client's window is not waited for. Default none. */
  readonly messages?: readonly Buffer[];
  /** More initial metadata, or trailers of a trailers-only response. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The status in the first and only header block. Default false; only without messages. */
  readonly trailersOnly?: boolean;
}

interface PeerStream {
  isClientDone: boolean;
  isPeerDone: boolean;
}

/** One client's connection to a scripted peer. */
export class PeerConnection {
  /** Every frame received, in order. */
  readonly frames: Http2Frame[] = [];
  /** The most streams that were open at one time. */
  peakOpenStreams = 0;
  /** Streams that the client ever opened. */
  headersReceived = 0;
  /** Streams that the client reset. */
  rstReceived = 0;
  /** False once the socket is closed. A peer that does not read does not learn of it. */
  isOpen = true;
  readonly #condition = new Condition(
    'the connection of the scripted peer',
    () =>
      `${this.isOpen ? 'open' : 'closed'}, ${this.openStreams} open streams, ${this.headersReceived} HEADERS, ` +
      `${this.rstReceived} RST_STREAM, ${this.frames.length} frames received`,
  );
  readonly #decoder = new FrameDecoder();
  readonly #streams = new Map<number, PeerStream>();
  readonly #script: PeerScript;
  readonly #onChange: () => void;
  #preface: Buffer | undefined = Buffer.alloc(0);

  /** Made by the peer. `id` counts up from 1 in order of acceptance. */
  constructor(
    readonly id: number,
    readonly socket: Socket,
    script: PeerScript,
    onChange: () => void,
  ) {
    this.#script = script;
    this.#onChange = onChange;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A client that is gone is told by 'close'.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.isOpen = false;
      this.#streams.clear();
      this.#changed();
    });
    if (script.settings !== 'never') this.sendSettings(script.settings ?? {});
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Ids of the open streams, oldest first. */
  get openStreamIds(): readonly number[] {
    return [...this.#streams.keys()];
  }

  /** Id of the newest stream that the client opened, 0 before the first. */
  lastStreamId = 0;

  /** Sends any frame, sensible or not. */
  send(frame: Http2Frame): void {
    if (!this.socket.writable) return;
    this.socket.write(encodeFrame(frame));
    if (frame.kind === 'rst-stream') this.#streams.delete(frame.streamId);
    else if ((frame.kind === 'data' || frame.kind === 'headers') && frame.endStream === true) {
      this.#endSide(frame.streamId, 'isPeerDone');
    } else return;
    this.#changed();
  }

  sendSettings(settings: Http2Settings): void {
    this.send({ kind: 'settings', settings });
  }

  /** @param code error code, RFC 9113 section 7. @param lastStreamId default: the newest stream of the client. */
  sendGoaway(code: number, lastStreamId: number = this.lastStreamId, debug: string | Buffer = ''): void {
    this.send({ kind: 'goaway', code, lastStreamId, debug: Buffer.from(debug as string) });
  }

  /** @param code error code, RFC 9113 section 7. */
  sendRst(streamId: number, code: number): void {
    this.send({ kind: 'rst-stream', streamId, code });
  }

  /** Sends PING with 8 bytes; the answer is among `frames`. */
  sendPing(data: Buffer = Buffer.alloc(8)): void {
    this.send({ kind: 'ping', data });
  }

  /** Sends initial metadata and messages, and leaves the stream open. */
  respondPartly(streamId: number, response: Pick<PeerResponse, 'messages' | 'metadata'> = {}): void {
    this.send({ kind: 'headers', streamId, block: encodeHeaderBlock(initialHeaders(response)) });
    for (const message of response.messages ?? []) this.#sendMessage(streamId, message);
  }

  /** Sends a whole gRPC response and ends the stream. */
  respond(streamId: number, response: PeerResponse = {}): void {
    const trailers: [string, string][] = [['grpc-status', String(response.status ?? 0)]];
    if (response.details !== undefined) trailers.push(['grpc-message', encodeURI(response.details)]);
    if (response.trailersOnly === true) {
      const block = encodeHeaderBlock([...initialHeaders(response), ...trailers]);
      this.send({ kind: 'headers', streamId, block, endStream: true });
      return;
    }
    this.respondPartly(streamId, response);
    this.send({ kind: 'headers', streamId, block: encodeHeaderBlock(trailers), endStream: true });
  }

  /** Reads nothing more: the client's writes fill the buffers of the system and then stop. */
  stopReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    resetSocket(this.socket);
  }

  /** Ends the connection in order (FIN). */
  end(): void {
    this.socket.end();
  }

  /** Waits until the predicate holds; looked at after every frame. Rejects when the test's time is up. */
  waitFor(predicate: (connection: PeerConnection) => boolean): Promise<void> {
    return this.#condition.until(() => predicate(this));
  }

  /** Ends every wait that is still in vain. For the peer, when it is disposed. */
  giveUp(): void {
    this.#condition.giveUp();
  }

  /** Length-prefixed, as gRPC over HTTP/2 has it, in DATA frames of the size that every client takes. */
  #sendMessage(streamId: number, message: Buffer): void {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const bytes = Buffer.concat([prefix, message]);
    for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
      this.send({ kind: 'data', streamId, data: bytes.subarray(at, at + MAX_FRAME_BYTES) });
    }
  }

  #receive(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#preface !== undefined) {
      const start: Buffer = Buffer.concat([this.#preface, chunk]);
      this.#preface = start;
      if (start.length < CLIENT_PREFACE.length) return;
      this.#preface = undefined;
      if (!start.subarray(0, CLIENT_PREFACE.length).equals(CLIENT_PREFACE)) {
        this.reset();
        return;
      }
      bytes = start.subarray(CLIENT_PREFACE.length);
    }
    for (const frame of this.#decoder.push(bytes)) this.#take(frame);
  }

  #take(frame: Http2Frame): void {
    this.frames.push(frame);
    switch (frame.kind) {
      case 'headers':
        this.#openStream(frame.streamId);
        if (frame.endStream === true) this.#endSide(frame.streamId, 'isClientDone');
        if (frame.endHeaders === true) this.#headersAreWhole(frame.streamId);
        break;
      case 'continuation':
        if (frame.endHeaders === true) this.#headersAreWhole(frame.streamId);
        break;
      case 'data':
        this.#giveWindow(frame.streamId, frame.flowBytes ?? 0, frame.endStream === true);
        if (frame.endStream === true) {
          this.#endSide(frame.streamId, 'isClientDone');
          this.#script.onRequestEnd?.(this, frame.streamId);
        }
        break;
      case 'rst-stream':
        this.rstReceived += 1;
        this.#streams.delete(frame.streamId);
        break;
      case 'settings':
        if (this.#does(this.#script.ackSettings)) this.send({ kind: 'settings-ack' });
        break;
      case 'ping':
        if (this.#does(this.#script.ackPings)) this.send({ kind: 'ping-ack', data: frame.data });
        break;
    }
    this.#script.onFrame?.(this, frame);
    this.#changed();
  }

  #openStream(streamId: number): void {
    if (streamId <= this.lastStreamId) return;
    this.lastStreamId = streamId;
    this.headersReceived += 1;
    this.#streams.set(streamId, { isClientDone: false, isPeerDone: false });
    this.peakOpenStreams = Math.max(this.peakOpenStreams, this.#streams.size);
  }

  #headersAreWhole(streamId: number): void {
    // Asked before the script may answer and so close the stream.
    const isRequestDone = this.#streams.get(streamId)?.isClientDone === true;
    this.#script.onHeaders?.(this, streamId);
    if (isRequestDone) this.#script.onRequestEnd?.(this, streamId);
  }

  /** A stream is closed when both sides have ended theirs (RFC 9113 section 5.1). */
  #endSide(streamId: number, side: keyof PeerStream): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream[side] = true;
    if (stream.isClientDone && stream.isPeerDone) this.#streams.delete(streamId);
  }

  #giveWindow(streamId: number, increment: number, isLast: boolean): void {
    if (increment === 0 || !this.#does(this.#script.windowUpdates)) return;
    this.send({ kind: 'window-update', streamId: 0, increment });
    if (!isLast && this.#streams.has(streamId)) this.send({ kind: 'window-update', streamId, increment });
  }

  #does(choice: boolean | undefined): boolean {
    return choice ?? this.#script.settings !== 'never';
  }

  #changed(): void {
    this.#condition.changed();
    this.#onChange();
  }
}

function initialHeaders(response: Pick<PeerResponse, 'metadata'>): [string, string][] {
  return [[':status', '200'], ['content-type', 'application/grpc'], ...Object.entries(response.metadata ?? {})];
}
