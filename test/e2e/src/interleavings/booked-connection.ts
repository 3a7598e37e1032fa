import { encodeHeaderBlock, type PeerConnection } from '@grpc-manifold/testing';
import { must } from './must.js';

/**
 * What a request says whose client reads any number of responses. Of others grpc-js reads one, and waits for ever if
 * more come.
 */
export const READS_ALL = Buffer.from('reads all');
/** An `EchoResponse` of defaults, length-prefixed. */
const MESSAGE = Buffer.alloc(5);

/** A connection as its server sees it, which keeps to HTTP/2 and keeps books of what it has allowed. */
export class BookedConnection {
  /** Member of the pool that was connecting when it was accepted. */
  member: number | undefined;
  /**
   * SETTINGS_MAX_CONCURRENT_STREAMS that the client has acknowledged; streams that ran before it was lowered run on.
   */
  allowed = Infinity;
  /** The highest that may have been in force since everything was at rest. */
  highest = 0;
  /** The client has said GOAWAY. */
  isLeft = false;
  readonly #unacknowledged: number[] = [];
  readonly #answered = new Set<number>();
  readonly #readingAll = new Set<number>();
  readonly #ended = new Set<number>();
  #limit = Infinity;
  #owedAcknowledgements = 0;
  #lastTaken = Infinity;
  #pingsSent = 0;
  #pingsAnswered = 0;

  constructor(readonly connection: PeerConnection) {}

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  /** It was accepted, and waits for the server's first SETTINGS. */
  get isHeld(): boolean {
    return this.isOpen && this.highest === 0 && this.allowed === Infinity && this.#unacknowledged.length === 0;
  }

  /** Streams that are open, but for those that a GOAWAY has disowned: a client forgets these without a word. */
  get open(): number[] {
    return this.connection.openStreamIds.filter((id) => id <= this.#lastTaken);
  }

  /** Streams that the server may still say something on. */
  get running(): number[] {
    return this.open.filter((id) => !this.#ended.has(id));
  }

  /** Allows so many streams from now on. */
  allow(limit: number): void {
    this.#limit = limit;
    this.#unacknowledged.push(limit);
    this.highest = Math.max(this.highest, limit);
    this.connection.sendSettings({ maxConcurrentStreams: limit });
    while (this.#owedAcknowledgements > 0) this.#acknowledge();
  }

  /** SETTINGS of the client. To acknowledge them before our own were sent would be an error. */
  settingsCame(): void {
    this.#owedAcknowledgements += 1;
    if (!this.isHeld) this.#acknowledge();
  }

  /** Everything is at rest: what was allowed before cannot be in force any more. */
  atRest(): void {
    if (this.isHeld || !this.isOpen || this.isLeft) return;
    must(this.#unacknowledged.length === 0, 'SETTINGS that were never acknowledged', this.connection.id);
    this.highest = this.allowed;
  }

  /** The client has acknowledged the oldest of our SETTINGS that it had not. */
  acknowledged(): void {
    this.allowed = this.#unacknowledged.shift() ?? this.allowed;
  }

  /** A stream was opened. */
  opened(): void {
    const open = this.open.length;
    must(open <= this.allowed, 'streams beyond what was allowed', this.connection.id, open, this.allowed);
  }

  /** Some of a request came in. */
  heard(id: number, data: Buffer): void {
    if (data.includes(READS_ALL)) this.#readingAll.add(id);
  }

  /** Sends a message, after the headers, if the client will read it. */
  say(id: number): void {
    if (!this.#answered.has(id)) this.connection.respondPartly(id);
    else if (!this.#readingAll.has(id)) return;
    this.#answered.add(id);
    this.connection.send({ kind: 'data', streamId: id, data: MESSAGE });
  }

  /** Ends a stream with a status. */
  end(id: number, code: number): void {
    const trailers: [string, string][] = [['grpc-status', String(code)]];
    const headers: [string, string][] = this.#answered.has(id)
      ? trailers
      : [[':status', '200'], ['content-type', 'application/grpc'], ...trailers];
    this.#ended.add(id);
    this.connection.send({ kind: 'headers', streamId: id, block: encodeHeaderBlock(headers), endStream: true });
  }

  /** @param code of RFC 9113, section 7. */
  reset(id: number, code: number): void {
    this.#ended.add(id);
    this.connection.sendRst(id, code);
  }

  /** Says GOAWAY, having taken up only the oldest so many of the open streams. Never more than it said before. */
  goAway(code: number, taken: number): void {
    // Node's HTTP/2 (20.20) never ends a request that it has queued behind a limit of 0 once it was told to go, not
    // even when the connection is reset: such a call hangs, also on a plain grpc-js channel.
    if (this.#limit === 0) this.allow(1);
    const { open } = this;
    const last = taken >= open.length ? this.connection.lastStreamId : (open[taken - 1] ?? 0);
    this.#lastTaken = Math.min(this.#lastTaken, last);
    this.connection.sendGoaway(code, this.#lastTaken);
  }

  drop(how: 'reset' | 'end' | 'destroy'): void {
    if (how === 'reset') this.connection.reset();
    else if (how === 'end') this.connection.end();
    else this.connection.socket.destroy();
  }

  /** Resolves when the client has taken in all that was sent before, and what it had sent by then is here. */
  async roundTrip(): Promise<void> {
    if (!this.isOpen || this.isHeld) return;
    const number = (this.#pingsSent += 1);
    this.connection.sendPing();
    // A client that has said GOAWAY answers nothing more once it has no streams.
    const isOver = (): boolean => !this.isOpen || (this.isLeft && this.open.length === 0);
    await this.connection.waitFor(() => this.#pingsAnswered >= number || isOver());
  }

  pingAnswered(): void {
    this.#pingsAnswered += 1;
  }

  #acknowledge(): void {
    this.#owedAcknowledgements -= 1;
    this.connection.send({ kind: 'settings-ack' });
  }
}
