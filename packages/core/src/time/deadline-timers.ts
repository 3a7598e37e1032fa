import { MAX_TIMER_MS, type Clock, type Timer } from './clock.js';

/**
 * The resolution of Node's timers. An item that is due earlier than the timer by less than this does not reset it:
 * deadlines that were meant to be equal differ by fractions of a millisecond.
 */
const GRANULARITY_MS = 1;

/** An item with a due time. It stores its own position in the heap, so adding it allocates nothing. */
export interface Timed {
  /** The due time in milliseconds of {@link Clock.elapsed}. Set by {@link DeadlineTimers.add}. */
  dueMs: number;
  /** The index in the heap; -1 when the item is not added. Initialize it with -1; {@link DeadlineTimers} updates it. */
  heapIndex: number;
}

/**
 * Calls back at the due times of many items with one Node timer. The items form a binary heap: adding and removing cost
 * O(log n) without an allocation, and the Node timer is reset only when an earlier item is added.
 *
 * One Node timer for each call would be more expensive: each timer is an object, and Node keeps a list for every
 * distinct delay. It would also be impossible to detect and pace many equal deadlines.
 *
 * Due times are monotonic: changes of the wall clock do not affect them.
 */
export class DeadlineTimers<T extends Timed> {
  readonly #heap: T[] = [];
  #timer: Timer | undefined;
  #timerDueMs = Infinity;

  /** @param onDue called once for each item that is due, earliest first, after the item was removed. */
  constructor(
    readonly clock: Clock,
    readonly onDue: (item: T) => void,
  ) {}

  /** The number of waiting items. */
  get size(): number {
    return this.#heap.length;
  }

  /**
   * Adds an item that is not in the heap.
   *
   * @param dueMs monotonic milliseconds; Infinity for never.
   */
  add(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    this.#heap.push(item);
    this.#siftUp(item, this.#heap.length - 1);
    if (item.heapIndex === 0) this.#arm();
  }

  /** Removes an item. Does nothing when the item is not in the heap. */
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

  /**
   * Sets the timer to the earliest due time. A removal does not reset the timer, so the timer may fire once before any
   * item is due.
   */
  #arm(): void {
    const dueMs = (this.#heap[0] as T).dueMs;
    if (dueMs > this.#timerDueMs - GRANULARITY_MS) return;
    this.#disarm();
    const now = this.clock.elapsed();
    // Rounded up: Node truncates fractions of a millisecond, and the timer would fire before the due time.
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
