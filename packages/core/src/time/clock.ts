/** A timer that has been set; hand it back to the clock that made it. */
export interface Timer {
  /** Let the timer hold the process open. */
  ref(): void;
  /** Let the process exit although the timer is still pending. */
  unref(): void;
}

/**
 * Tells the time and sets timers. The only source of both in every package, so that a test can bring its own.
 * Timers start unref'd: only what a caller is waiting for may hold the process.
 */
export interface Clock {
  /**
   * The wall clock in epoch milliseconds. It may be set back or forward at any time, so that nothing is waited for by
   * it: it is read only to turn a deadline into the time that is left, and for times that somebody is shown.
   */
  now(): number;
  /**
   * A clock that never steps, in milliseconds from an arbitrary start, the same for every thread of the process.
   * Whatever is waited for is measured on it.
   */
  elapsed(): number;
  /** Calls back once after `delayMs` milliseconds (0 to 2,147,483,647; larger is cut to that). */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back in the next turn of the event loop, after I/O had its turn. Holds the process until then. */
  soon(callback: () => void): void;
  /** Forgets a timer. Harmless when it has fired or was cleared before. */
  clearTimer(timer: Timer): void;
}

/** The longest delay that Node's timers take; a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** What `performance.now()` counts from differs from thread to thread; what Node measures it by does not. */
const THREAD_STARTED_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The real time. */
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
