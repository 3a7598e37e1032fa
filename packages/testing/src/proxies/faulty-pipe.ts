import type { Socket } from 'node:net';
import { later, type RealTimer } from '../clock/real-time.js';

/**
 * The number of bytes that one direction holds before it stops reading its source. A source that is not read does not
 * report its close either, so the limit is generous.
 */
export const MAX_HELD_BYTES = 1_048_576;

/** Data, or the end of the source. */
type Item = Buffer | 'end' | 'reset';

/** Forwards one direction of a connection in order, with a delay, or holds it for a while. */
export class FaultyPipe {
  delayMs = 0;
  /** The number of bytes forwarded to the destination. */
  forwardedBytes = 0;
  /** The number of bytes received and not yet forwarded. */
  heldBytes = 0;
  readonly #queue: { readonly item: Item; readonly dueMs: number }[] = [];
  #isHolding = false;
  #isOver = false;
  #lastDueMs = 0;
  #timer: RealTimer | undefined;

  constructor(
    readonly source: Socket,
    readonly destination: Socket,
    readonly onChange: () => void,
  ) {
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.once('end', () => this.#take('end'));
    // An error of the source becomes a reset of the destination. 'close' follows.
    source.once('error', () => this.#take('reset'));
    destination.on('drain', () => this.#adjustReading());
  }

  /** Stops forwarding and holds received data, up to {@link MAX_HELD_BYTES}. */
  hold(): void {
    this.#isHolding = true;
    this.#stopTimer();
  }

  /** Forwards without delay again, beginning with the held data. */
  restore(): void {
    this.#isHolding = false;
    this.delayMs = 0;
    this.#lastDueMs = 0;
    this.#flush(Infinity);
  }

  /** Forwards nothing more, and reads only to detect that the source is closed. */
  abandon(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.heldBytes = 0;
    this.#stopTimer();
    this.source.resume();
  }

  #take(item: Item): void {
    if (this.#isOver) return;
    const now = performance.now();
    this.#lastDueMs = Math.max(now + this.delayMs, this.#lastDueMs);
    this.#queue.push({ item, dueMs: this.#lastDueMs });
    if (typeof item !== 'string') this.heldBytes += item.length;
    this.#flush(now);
    this.onChange();
  }

  #flush(now: number): void {
    if (this.#isHolding) return this.#adjustReading();
    this.#stopTimer();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (next.dueMs > now) {
        this.#timer = later(Math.ceil(next.dueMs - now), 'what is delayed', () => this.#flush(performance.now()));
        break;
      }
      this.#queue.shift();
      this.#forward(next.item);
    }
    this.#adjustReading();
  }

  #forward(item: Item): void {
    if (this.destination.destroyed) return;
    if (item === 'end') this.destination.end();
    else if (item === 'reset') resetSocket(this.destination);
    else {
      this.heldBytes -= item.length;
      this.forwardedBytes += item.length;
      this.destination.write(item);
    }
    this.onChange();
  }

  /** Applies back-pressure: a slow destination or a hold stops the source. */
  #adjustReading(): void {
    if (this.#isOver) return;
    const pendingBytes = this.heldBytes + (this.destination.destroyed ? 0 : this.destination.writableLength);
    if (pendingBytes > MAX_HELD_BYTES) this.source.pause();
    else if (this.source.isPaused()) this.source.resume();
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}

/** Ends a socket with a TCP reset. A socket that is still connecting is closed without one. */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  // libuv refuses a reset during a shutdown, and Node 20 then never emits 'close'.
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
