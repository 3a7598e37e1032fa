import { systemClock, type Clock, type Timer } from '@grpc-manifold/core';

/** The real time, and how many timers are pending on it: those of a pool are unref'd, and Node shows none of these. */
export interface WatchedClock extends Clock {
  /** Timers that were set and have neither fired nor been cleared. */
  readonly pendingTimers: number;
}

/** Makes one. */
export function watchedClock(): WatchedClock {
  const pending = new Set<Timer>();
  return {
    ...systemClock,
    get pendingTimers() {
      return pending.size;
    },
    setTimer(callback, delayMs) {
      const timer = systemClock.setTimer(() => {
        pending.delete(timer);
        callback();
      }, delayMs);
      pending.add(timer);
      return timer;
    },
    clearTimer(timer) {
      pending.delete(timer);
      systemClock.clearTimer(timer);
    },
  };
}
