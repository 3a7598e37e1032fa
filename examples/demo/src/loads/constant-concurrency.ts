/** A process of its own: keeps a number of calls in flight and reports how fast they are answered. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant, Point } from '../act.js';
import { openClient } from './open-client.js';
import { runAsLoadProcess } from './load-process.js';
import { ProcessorShare } from './processor-share.js';
import { Tally } from './tally.js';

export interface ConcurrencyPlan {
  readonly contestant: Contestant;
  readonly target: string;
  /** Calls in flight at any time: as one ends the next begins. */
  readonly concurrentCalls: number;
  /** Seconds before anything is counted. */
  readonly warmUpSeconds: number;
  /** Seconds that are counted. */
  readonly seconds: number;
}

export interface ConcurrencySample {
  /** Since counting began. */
  readonly atSeconds: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly connections: number;
}

export interface ConcurrencyReport {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly connections: number;
  /** Percentile (1 to 99.9) and the milliseconds within which that share of the calls was answered. */
  readonly percentiles: readonly Point[];
  /** See {@link ProcessorShare}. */
  readonly processorShare: number;
  readonly statuses: Readonly<Record<string, number>>;
}

const SAMPLE_EVERY_MS = 500;
const PERCENTILES = [...Array.from({ length: 99 }, (_, index) => index + 1), 99.5, 99.9];

await runAsLoadProcess(async (plan: ConcurrencyPlan, tell: (sample: ConcurrencySample) => void) => {
  await using client = openClient(plan.contestant, plan.target);
  const document = Buffer.alloc(100, 'x');
  let tally = new Tally();
  let running = true;
  const callAgain = (): void => {
    const startedAtMs = performance.now();
    client.orders.place({ document }, (error) => {
      tally.add(error, performance.now() - startedAtMs);
      if (!running) return;
      // A call refused at once must not turn this into a loop that never yields to the network.
      if (error === null) callAgain();
      else setTimeout(callAgain, 10);
    });
  };
  for (let call = 0; call < plan.concurrentCalls; call += 1) callAgain();
  await pause(plan.warmUpSeconds * 1_000);

  tally = new Tally();
  const processor = new ProcessorShare();
  const beganAtMs = performance.now();
  let sampledAtMs = beganAtMs;
  const sampling = setInterval(() => {
    const nowMs = performance.now();
    const { successes, p50Ms, p99Ms } = tally.takeRecent();
    const callsPerSecond = (successes * 1_000) / (nowMs - sampledAtMs);
    sampledAtMs = nowMs;
    tell({
      atSeconds: (nowMs - beganAtMs) / 1_000,
      callsPerSecond,
      p50Ms,
      p99Ms,
      connections: client.connections(),
    });
  }, SAMPLE_EVERY_MS);
  await pause(plan.seconds * 1_000);
  clearInterval(sampling);
  running = false;
  const statuses = tally.statuses;
  const report: ConcurrencyReport = {
    callsPerSecond: ((statuses['OK'] ?? 0) * 1_000) / (performance.now() - beganAtMs),
    p50Ms: tally.percentileMs(50),
    p99Ms: tally.percentileMs(99),
    connections: client.connections(),
    percentiles: PERCENTILES.map((percent) => [percent, tally.percentileMs(percent)]),
    processorShare: processor.read(),
    statuses,
  };
  return report;
});
