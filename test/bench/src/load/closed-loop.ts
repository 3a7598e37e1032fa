import { createHistogram, performance, type EventLoopUtilization } from 'node:perf_hooks';
import type { Done } from '../clients/bytes-service.js';
import { threadCpuNs } from './thread-cpu.js';

/** How a closed loop is driven. */
export interface ClosedLoop {
  /** Calls that are always under way. */
  readonly concurrency: number;
  /** Milliseconds at the start that are not measured: the calls fall into their rhythm. */
  readonly rampMs: number;
  /** Milliseconds that are. */
  readonly measureMs: number;
}

/** What a closed loop saw within its measured window. */
export interface LoopSample {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Event-loop active time of this thread a call, in microseconds. */
  readonly loopUs: number;
  /** CPU time of this thread a call, in microseconds: what is left of `loopUs` when nobody else wants the core. */
  readonly threadUs: number;
  readonly failedCalls: number;
}

/** A loop whose calls have not all ended so long after it stopped has lost some. */
const LOST_AFTER_MS = 30_000;

/**
 * Keeps `concurrency` calls under way, each followed by the next, and measures what ended within the window. All calls
 * have ended when it resolves, so that they weigh on nobody else's window.
 *
 * @throws Error when calls never end.
 */
export function closedLoop(call: (done: Done) => void, loop: ClosedLoop): Promise<LoopSample> {
  return new Promise((resolve, reject) => {
    const latencyUs = createHistogram();
    const startedMs = performance.now();
    const windowStartMs = startedMs + loop.rampMs;
    const windowEndMs = windowStartMs + loop.measureMs;
    let underWay = 0;
    let calls = 0;
    let failedCalls = 0;
    let opened: Mark | undefined;
    let sample: LoopSample | undefined;
    const lost = setTimeout(
      () => reject(new Error(`${underWay} of ${loop.concurrency} calls never ended`)),
      loop.rampMs + loop.measureMs + LOST_AFTER_MS,
    );

    const start = (): void => {
      const beganMs = performance.now();
      underWay += 1;
      call((error) => {
        const nowMs = performance.now();
        underWay -= 1;
        if (sample === undefined) {
          if (opened !== undefined) {
            calls += 1;
            latencyUs.record(Math.max(1, Math.round((nowMs - beganMs) * 1_000)));
            if (error !== null) failedCalls += 1;
            if (nowMs >= windowEndMs) sample = summarize(opened, calls, failedCalls, latencyUs);
          } else if (nowMs >= windowStartMs) {
            opened = mark();
          }
        }
        if (sample === undefined) {
          start();
        } else if (underWay === 0) {
          clearTimeout(lost);
          resolve(sample);
        }
      });
    };
    for (let i = 0; i < loop.concurrency; i++) start();
  });
}

interface Mark {
  readonly ms: number;
  readonly loop: EventLoopUtilization;
  readonly cpuNs: number;
}

function mark(): Mark {
  return { ms: performance.now(), loop: performance.eventLoopUtilization(), cpuNs: threadCpuNs() };
}

function summarize(
  from: Mark,
  calls: number,
  failedCalls: number,
  latencyUs: ReturnType<typeof createHistogram>,
): LoopSample {
  const elapsedMs = performance.now() - from.ms;
  return {
    callsPerSecond: (calls / elapsedMs) * 1_000,
    p50Ms: latencyUs.percentile(50) / 1_000,
    p99Ms: latencyUs.percentile(99) / 1_000,
    loopUs: (performance.eventLoopUtilization(from.loop).active * 1_000) / calls,
    threadUs: (threadCpuNs() - from.cpuNs) / 1_000 / calls,
    failedCalls,
  };
}
