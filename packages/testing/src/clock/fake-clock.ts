import { MAX_TIMER_MS, type Clock, type Timer } from '@grpc-manifold/core/internal';

/** More timers than this at the same time mean that timers set themselves again endlessly. */
const MAX_FIRINGS_AT_ONE_MOMENT = 1_000_000;

/** A timer of a {@link FakeClock}. Ordered by due time, then by the order of setting. */
class FakeTimer implements Timer {
  isRefd = false;
  isPending = true;

  constructor(
    readonly clock: FakeClock,
    readonly callback: () => void,
    readonly dueMs: number,
    readonly order: number,
  ) {}

  ref(): void {
    this.isRefd = true;
  }

  unref(): void {
    this.isRefd = false;
  }
}

/**
 * A clock that stands still until a test advances it. Like those of the system clock, its timers start unref'd, a
 * negative delay counts as 0, a delay above {@link MAX_TIMER_MS} is reduced to it, and no timer fires inside
 * `setTimer`.
 */
export class FakeClock implements Clock {
  /** Sorted by due time, latest first: the next due timer is popped from the end. */
  readonly #timers: FakeTimer[] = [];
  #nowMs: number;
  #elapsedMs = 0;
  #order = 0;

  /** @param startMs the initial value of `now()` in epoch milliseconds; `elapsed()` starts at 0. */
  constructor(startMs = 1_000_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  /** The number of timers that have neither fired nor been cleared. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** The number of pending timers that would keep the process alive. */
  get refdTimers(): number {
    return this.#timers.reduce((count, timer) => count + (timer.isRefd ? 1 : 0), 0);
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const dueMs = this.#elapsedMs + Math.min(Math.max(delayMs, 0), MAX_TIMER_MS);
    const timer = new FakeTimer(this, callback, dueMs, this.#order++);
    this.#timers.splice(this.#indexOf(timer), 0, timer);
    return timer;
  }

  /** Turns of the event loop are real: only time is faked. */
  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** @throws TypeError when the timer was made by another clock. */
  clearTimer(timer: Timer): void {
    if (!(timer instanceof FakeTimer) || timer.clock !== this) {
      throw new TypeError('FakeClock: clearTimer takes a timer of the same clock');
    }
    if (!timer.isPending) return;
    timer.isPending = false;
    this.#timers.splice(this.#indexOf(timer), 1);
  }

  /**
   * Advances the clock by `ms` milliseconds. Every timer that becomes due fires at its own due time, including timers
   * set during the advance. Timers with the same due time fire in the order in which they were set. A callback that
   * throws ends the advance at its due time.
   *
   * @throws RangeError when `ms` is negative or no number.
   */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`FakeClock: advance takes a number of at least 0, got ${ms}`);
    const endMs = this.#elapsedMs + ms;
    let firingsAtThisMoment = 0;
    for (let next = this.#timers.at(-1); next !== undefined && next.dueMs <= endMs; next = this.#timers.at(-1)) {
      firingsAtThisMoment = next.dueMs > this.#elapsedMs ? 0 : firingsAtThisMoment + 1;
      if (firingsAtThisMoment > MAX_FIRINGS_AT_ONE_MOMENT) {
        throw new Error('FakeClock: timers set themselves again for the same moment without end');
      }
      this.#moveTo(next.dueMs);
      this.#timers.pop();
      next.isPending = false;
      next.callback();
    }
    this.#moveTo(endMs);
  }

  /** Sets the wall clock forward, or back when `ms` is negative. No timer moves and none fires. */
  stepWallClock(ms: number): void {
    this.#nowMs += ms;
  }

  /**
   * Advances the clock without firing timers, as when the process is stopped. Due timers fire with the next
   * {@link advance}.
   */
  stop(ms: number): void {
    this.#moveTo(this.#elapsedMs + ms);
  }

  /** Never moves the clock back: a callback may have advanced it further. */
  #moveTo(elapsedMs: number): void {
    const stepMs = Math.max(elapsedMs - this.#elapsedMs, 0);
    this.#elapsedMs += stepMs;
    this.#nowMs += stepMs;
  }

  /** The index at which the timer is or belongs: after all timers that are due later. */
  #indexOf(timer: FakeTimer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle] as FakeTimer;
      const isLater = other.dueMs > timer.dueMs || (other.dueMs === timer.dueMs && other.order > timer.order);
      if (isLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
