import { MAX_TIMER_MS, type Clock, type RefusedBy, type Timer } from '@grpc-manifold/core';
import type { ResolvedQueueOptions } from './options.js';

/**
 * What waits in an {@link AdmissionQueue}. The thing itself carries its links, so that entering, leaving and
 * being taken out of the middle cost a few writes and no allocation. Start with {@link notQueued} and leave it to the
 * queue.
 */
export interface Queued {
  queueLinks: QueueLinks;
}

/** The place of one thing in a queue. */
export interface QueueLinks {
  previous: Queued | undefined;
  next: Queued | undefined;
  bytes: number;
  /** The clock's `elapsed()` when it entered; -1 while it is in no queue. */
  sinceMs: number;
}

/** The links of a thing that is in no queue. */
export function notQueued(): QueueLinks {
  return { previous: undefined, next: undefined, bytes: 0, sinceMs: -1 };
}

/** Which of the queue's bounds refused. */
export type QueueRefusal = Extract<RefusedBy, 'queue-full' | 'queue-bytes'>;

/**
 * A first-in first-out queue bounded by calls, bytes and time. A doubly linked list: entering, leaving, cancelling in
 * the middle and expiring are O(1), synchronous, and allocate nothing (docs/decisions/0001).
 *
 * While anything waits one timer is ref'd, so that the process stays until what waits has its answer; otherwise none
 * holds it.
 */
export class AdmissionQueue<T extends Queued> {
  #first: T | undefined;
  #last: T | undefined;
  /** The last of those at the front that were put back. */
  #lastPutBack: T | undefined;
  #size = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;

  /** @param onExpired is called for each thing that waited its longest, after it was taken out, oldest first. */
  constructor(
    private options: ResolvedQueueOptions,
    private readonly clock: Clock,
    private readonly onExpired: (item: T, waitedMs: number) => void,
  ) {}

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that the waiting ones hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bounds in force. */
  get limits(): ResolvedQueueOptions {
    return this.options;
  }

  /** Milliseconds that the oldest has waited, 0 when none waits. */
  get oldestWaitMs(): number {
    return this.#first === undefined ? 0 : this.waitedMs(this.#first);
  }

  /** Milliseconds since a waiting thing entered. */
  waitedMs(item: T): number {
    return this.clock.elapsed() - item.queueLinks.sinceMs;
  }

  /**
   * Lets a thing wait at the end. Returns the bound that forbids it, or undefined when it waits now.
   *
   * @param expectedRoom how many of those who wait have a place that is only being made ready: they do not count.
   */
  add(item: T, bytes: number, expectedRoom = 0): QueueRefusal | undefined {
    const refusedBy = this.#refusal(bytes, expectedRoom);
    if (refusedBy === undefined) this.#insert(item, bytes, this.#last, this.clock.elapsed());
    return refusedBy;
  }

  /**
   * Lets a thing wait again that had been taken out: before all that came after it, behind those that were put back before.
   *
   * @param waitedMs how long it had waited; it counts as at least as long as those who now stand behind it.
   */
  putBack(item: T, bytes: number, waitedMs: number, expectedRoom = 0): QueueRefusal | undefined {
    const refusedBy = this.#refusal(bytes, expectedRoom);
    if (refusedBy !== undefined) return refusedBy;
    const previous = this.#lastPutBack;
    const next = previous === undefined ? this.#first : (previous.queueLinks.next as T | undefined);
    const sinceMs = Math.min(this.clock.elapsed() - waitedMs, next?.queueLinks.sinceMs ?? Infinity);
    this.#insert(item, bytes, previous, Math.max(sinceMs, previous?.queueLinks.sinceMs ?? 0));
    this.#lastPutBack = item;
    return undefined;
  }

  /** Counts more bytes to a waiting thing. Returns the bound that forbids it; the thing then still waits, uncounted. */
  addBytes(item: T, bytes: number): QueueRefusal | undefined {
    if (this.#bytes + bytes > this.options.maxQueuedBytes) return 'queue-bytes';
    item.queueLinks.bytes += bytes;
    this.#bytes += bytes;
    return undefined;
  }

  /** The one that has waited longest, without taking it out. */
  peek(): T | undefined {
    return this.#first;
  }

  /** Takes out the one that has waited longest. */
  shift(): T | undefined {
    const item = this.#first;
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** Takes a thing out, wherever it stands. False when it does not wait. */
  remove(item: T): boolean {
    const links = item.queueLinks;
    if (links.sinceMs < 0) return false;
    if (this.#lastPutBack === item) this.#lastPutBack = links.previous as T | undefined;
    if (links.previous === undefined) this.#first = links.next as T | undefined;
    else links.previous.queueLinks.next = links.next;
    if (links.next === undefined) this.#last = links.previous as T | undefined;
    else links.next.queueLinks.previous = links.previous;
    this.#size -= 1;
    this.#bytes -= links.bytes;
    links.previous = undefined;
    links.next = undefined;
    links.bytes = 0;
    links.sinceMs = -1;
    // The timer is kept, unref'd: a queue that empties and fills again all the time would set it anew each time.
    if (this.#size === 0) this.#timer?.unref();
    return true;
  }

  /** Every waiting thing, oldest first, as it is now. */
  items(): T[] {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = item.queueLinks.next as T | undefined) items.push(item);
    return items;
  }

  /** Changes the bounds. What waits beyond a smaller one stays; nothing more comes in until there is room. */
  update(options: ResolvedQueueOptions): void {
    this.options = options;
    if (this.#size > 0) this.#watchFirst();
  }

  /** Forgets the timer. What waits must have been taken out before. */
  close(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
  }

  #refusal(bytes: number, expectedRoom: number): QueueRefusal | undefined {
    if (this.#size >= this.options.maxQueuedCalls + expectedRoom) return 'queue-full';
    if (this.#bytes + bytes > this.options.maxQueuedBytes) return 'queue-bytes';
    return undefined;
  }

  #insert(item: T, bytes: number, previous: T | undefined, sinceMs: number): void {
    const next = previous === undefined ? this.#first : (previous.queueLinks.next as T | undefined);
    const links = item.queueLinks;
    links.sinceMs = sinceMs;
    links.bytes = bytes;
    links.previous = previous;
    links.next = next;
    if (previous === undefined) this.#first = item;
    else previous.queueLinks.next = item;
    if (next === undefined) this.#last = item;
    else next.queueLinks.previous = item;
    this.#bytes += bytes;
    this.#size += 1;
    if (this.#first === item) this.#watchFirst();
  }

  /** All wait equally long at the most, so the first in line is the first to expire: one timer serves all. */
  #watchFirst(): void {
    const first = this.#first as T;
    const now = this.clock.elapsed();
    const dueMs = Math.min(first.queueLinks.sinceMs + this.options.maxQueueTimeMs, now + MAX_TIMER_MS);
    if (this.#timer === undefined || dueMs < this.#timerDueMs) {
      this.close();
      this.#timer = this.clock.setTimer(this.#expire, dueMs - now);
      this.#timerDueMs = dueMs;
    }
    this.#timer.ref();
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    try {
      for (let first = this.#first; first !== undefined; first = this.#first) {
        const waitedMs = this.waitedMs(first);
        if (waitedMs < this.options.maxQueueTimeMs) break;
        this.remove(first);
        this.onExpired(first, waitedMs);
      }
    } finally {
      if (this.#size > 0 && this.#timer === undefined) this.#watchFirst();
    }
  };
}
