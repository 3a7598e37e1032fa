import { MAX_TIMER_MS, type Clock, type Timer } from './clock.js';

/**
 * Node's timers know whole milliseconds. A moment that is earlier than the timer by less does not set it anew:
 * deadlines that were meant to be equal differ by such fractions.
 */
const GRANULARITY_MS = 1;

/** Something that a moment is set for. It carries its own place, so that setting a moment allocates nothing. */
export interface Timed {
  /** Monotonic milliseconds, of {@link Clock.elapsed}. Set by {@link DeadlineTimers.add}. */
  dueMs: number;
  /** Place in the heap, -1 when no moment is set. Start it at -1 and leave it to {@link DeadlineTimers}. */
  heapIndex: number;
}

/**
 * Calls back at many moments with one Node timer. A binary heap of the waiting things themselves: adding and removing
 * cost O(log n) without an allocation, and the Node timer is set anew only when an earlier moment comes in.
 *
 * Why not a Node timer a call: each costs an object and a list of its own for every distinct delay, and a storm of
 * equal deadlines could not be seen as one, nor paced.
 *
 * Moments are monotonic: the wall clock may be set meanwhile, and none of them moves.
 */
export class DeadlineTimers<T extends Timed> {
  readonly #heap: T[] = [];
  #timer: Timer | undefined;
  #timerDueMs = Infinity;

  /** @param onDue is called once for each thing whose moment has come, earliest first, after it was taken out. */
  constructor(
    readonly clock: Clock,
    readonly onDue: (item: T) => void,
  ) {}

  /** How many moments are set. */
  get size(): number {
    return this.#heap.length;
  }

  /**
   * Sets the moment of an item that has none.
   *
   * @param dueMs monotonic milliseconds; Infinity for never.
   */
  add(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    this.#heap.push(item);
    this.#siftUp(item, this.#heap.length - 1);
    if (item.heapIndex === 0) this.#arm();
  }

  /** Forgets the moment of an item; harmless when it has none. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#heap.pop() as T;
    if (last !== item) {
      this.#siftUp(last, index);
      this.#siftDown(last, last.heapIndex);
    }
    if (this.#heap.length === 0) this.#disarm();
  }

  /** The timer is set to the earliest moment or before it: a removal never sets it anew, it fires once for nothing. */
  #arm(): void {
    const dueMs = (this.#heap[0] as T).dueMs;
    if (dueMs > this.#timerDueMs - GRANULARITY_MS) return;
    this.#disarm();
    const now = this.clock.elapsed();
    // Node cuts a fraction of a millisecond off, and would fire before the moment.
    const delayMs = Math.min(Math.ceil(dueMs - now), MAX_TIMER_MS);
    this.#timerDueMs = now + delayMs;
    this.#timer = this.clock.setTimer(this.#fire, delayMs);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    const now = this.clock.elapsed();
    try {
      for (let first = this.#heap[0]; first !== undefined && first.dueMs <= now; first = this.#heap[0]) {
        this.remove(first);
        this.onDue(first);
      }
    } finally {
      if (this.#heap.length > 0) this.#arm();
    }
  };

  #siftUp(item: T, from: number): void {
    const heap = this.#heap;
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as T;
      if (parent.dueMs <= item.dueMs) break;
      heap[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    heap[index] = item;
    item.heapIndex = index;
  }

  #siftDown(item: T, from: number): void {
    const heap = this.#heap;
    const length = heap.length;
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= length) break;
      let child = heap[childIndex] as T;
      const right = heap[childIndex + 1];
      if (right !== undefined && right.dueMs < child.dueMs) {
        child = right;
        childIndex += 1;
      }
      if (item.dueMs <= child.dueMs) break;
      heap[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    heap[index] = item;
    item.heapIndex = index;
  }
}
