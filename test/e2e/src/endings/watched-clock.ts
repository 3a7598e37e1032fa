import { systemClock, type Clock, type Timer } from '@grpc-manifold/core/internal';

/** The real time, and how many timers are pending on it: those of a pool are unref'd, and Node shows none of these. */
export interface WatchedClock extends Clock {
  /** Timers that were set and have neither fired nor been cleared. */
  readonly pendingTimers: number;
  /** Lets no timer fire until `release`. Time goes on. */
  hold(): void;
  /** Fires the timers that are overdue, and lets the others fire when they are due. */
  release(): void;
}

/** Makes one. */
export function watchedClock(): WatchedClock {
  const pending = new Set<Timer>();
  let overdue: Map<Timer, () => void> | undefined;
  return {
    ...systemClock,
    get pendingTimers() {
      return pending.size;
    },
    setTimer(callback, delayMs) {
      const fire = (): void => {
        pending.delete(timer);
        callback();
      };
      const timer = systemClock.setTimer(() => {
        if (overdue === undefined) fire();
        else overdue.set(timer, fire);
      }, delayMs);
      pending.add(timer);
      return timer;
    },
    clearTimer(timer) {
      pending.delete(timer);
      overdue?.delete(timer);
      systemClock.clearTimer(timer);
    },
    hold() {
      overdue ??= new Map();
    },
    release() {
      const late = [...(overdue?.values() ?? [])];
      overdue = undefined;
      for (const fire of late) fire();
    },
  };
}
