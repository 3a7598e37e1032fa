/** A pending timer. Pass it to {@link Clock.clearTimer} of the clock that created it. */
export interface Timer {
  /** Makes the timer keep the process alive. */
  ref(): void;
  /** Lets the process exit while the timer is pending. */
  unref(): void;
}

/**
 * The only source of time and timers in every package, so that a test can replace it. Timers start unref'd: only what a
 * caller waits for may keep the process alive.
 */
export interface Clock {
  /**
   * The wall clock in epoch milliseconds. It may be set back or forward at any time, so no wait is measured on it. Read
   * it only to convert a deadline to the remaining time, and for times that users see.
   */
  now(): number;
  /**
   * The monotonic clock, in milliseconds from an arbitrary start that is the same for all threads of the process. All
   * waits are measured on it.
   */
  elapsed(): number;
  /** Calls back once after `delayMs` milliseconds (0 to 2,147,483,647; a larger value is reduced to the maximum). */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back in the next turn of the event loop, after I/O. Keeps the process alive until then. */
  soon(callback: () => void): void;
  /** Cancels a timer. Does nothing when the timer has fired or was cleared before. */
  clearTimer(timer: Timer): void;
}

/** The longest delay that Node's timers accept. A timer with a longer delay would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The start of this thread on `process.hrtime`, which all threads share; `performance.now()` counts from it. */
const THREAD_STARTED_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => THREAD_STARTED_MS + performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    timer.unref();
    return timer;
  },
  soon(callback) {
    setImmediate(callback);
  },
  clearTimer(timer) {
    clearTimeout(timer as NodeJS.Timeout);
  },
};
