import { performance } from 'node:perf_hooks';

const TICK_MS = 5;
/** After a pause of our own no more than this much is caught up: a client that was late does not become a burst. */
const CATCH_UP_MS = 100;

/** Offered load that does not wait for answers. */
export interface OpenLoop {
  /** Calls made so far. */
  readonly offeredCalls: number;
  stop(): void;
}

/** Makes calls at a steady rate, whatever becomes of them, until stopped. */
export function openLoop(callsPerSecond: number, call: () => void): OpenLoop {
  let offeredCalls = 0;
  let owed = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    owed += (Math.min(nowMs - lastMs, CATCH_UP_MS) / 1_000) * callsPerSecond;
    lastMs = nowMs;
    for (; owed >= 1; owed -= 1) {
      offeredCalls += 1;
      call();
    }
  }, TICK_MS);
  return {
    get offeredCalls() {
      return offeredCalls;
    },
    stop: () => clearInterval(timer),
  };
}
