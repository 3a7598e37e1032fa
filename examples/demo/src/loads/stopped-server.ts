/**
 * A process of its own: offers calls at a constant rate, stops the server in the middle, lets it go on, and reports
 * what that did to the memory of this process.
 *
 * It is this process that stops the server, so that both clocks are one and the first success after the stop is seen.
 */
import { setTimeout as pause } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import type { Contestant, Point } from '../act.js';
import { ConstantRate } from './constant-rate.js';
import { openClient } from './open-client.js';
import { runAsLoadProcess } from './load-process.js';
import { Tally } from './tally.js';

export interface StoppedServerPlan {
  readonly contestant: Contestant;
  readonly target: string;
  readonly serverPid: number;
  readonly callsPerSecond: number;
  readonly payloadBytes: number;
  /** Seconds of load before the server is stopped; the rate rises to its full height in the first half. */
  readonly warmUpSeconds: number;
  /** Seconds that the server stays stopped. */
  readonly stoppedSeconds: number;
  /** Seconds of load after the server goes on. */
  readonly recoverySeconds: number;
  /** Growth at which the server is let go on early, for the sake of the machine. */
  readonly maxGrowthMb: number;
}

export interface StoppedServerSample {
  /** Since the server was stopped; negative before. */
  readonly atSeconds: number;
  /** Resident memory above what it was when the server was stopped. */
  readonly growthMb: number;
  /** Calls that were made and have no status yet. */
  readonly unansweredCalls: number;
  /** Calls refused by the client since the load began. */
  readonly refusedCalls: number;
  readonly phase: 'warming up' | 'server stopped' | 'server back';
}

export interface StoppedServerReport {
  /** [seconds since the stop, MB] and [seconds since the stop, calls]: the samples as curves. */
  readonly growthMb: readonly Point[];
  readonly unansweredCalls: readonly Point[];
  /** Calls a second that were made while the server was stopped. */
  readonly offeredPerSecond: number;
  readonly stoppedForSeconds: number;
  readonly endedEarly: boolean;
  /** The most within the time that the server was stopped. */
  readonly peakGrowthMb: number;
  /** How much the average of the last quarter of that time lies above the average of the third. */
  readonly secondHalfGrowthMb: number;
  /** Milliseconds from the server's going on to the first success of any call; undefined: none came. */
  readonly firstSuccessMs: number | undefined;
  /** The same for a call that was made after the server went on. */
  readonly firstNewSuccessMs: number | undefined;
  readonly refusedCalls: number;
  /** The time within which 99 % of the refused calls had their status. */
  readonly refusedP99Ms: number;
  readonly statuses: Readonly<Record<string, number>>;
}

const SAMPLE_EVERY_MS = 100;

await runAsLoadProcess(async (plan: StoppedServerPlan, tell: (sample: StoppedServerSample) => void) => {
  await using client = openClient(plan.contestant, plan.target);
  const document = Buffer.alloc(plan.payloadBytes, 'x');
  const outcomes = new Tally();
  const refusals = new Tally();
  let phase: StoppedServerSample['phase'] = 'warming up';
  // Whatever ends this process: nobody is left behind who cannot hear that it is over.
  process.on('exit', () => phase === 'server stopped' && signalServer(plan.serverPid, 'SIGKILL'));
  let unansweredCalls = 0;
  let resumedAtMs = Infinity;
  let firstSuccessMs: number | undefined;
  let firstNewSuccessMs: number | undefined;

  const call = (): void => {
    const startedAtMs = performance.now();
    unansweredCalls += 1;
    client.orders.place({ document }, (error) => {
      const nowMs = performance.now();
      unansweredCalls -= 1;
      outcomes.add(error, nowMs - startedAtMs);
      if (error?.code === grpc.status.RESOURCE_EXHAUSTED) refusals.add(null, nowMs - startedAtMs);
      if (error !== null || nowMs < resumedAtMs) return;
      firstSuccessMs ??= nowMs - resumedAtMs;
      if (startedAtMs >= resumedAtMs) firstNewSuccessMs ??= nowMs - resumedAtMs;
    });
  };

  const offering = new ConstantRate(plan.callsPerSecond, plan.warmUpSeconds / 2, call);
  let stoppedAtMs = performance.now() + plan.warmUpSeconds * 1_000;
  let rssAtStop = 0;
  const readings: { readonly atMs: number; readonly rss: number; readonly unanswered: number }[] = [];
  let giveUp = (): void => undefined;
  const tooMuch = new Promise<void>((resolve) => (giveUp = resolve));
  const sampling = setInterval(() => {
    const atMs = performance.now();
    const rss = process.memoryUsage.rss();
    const growthMb = phase === 'warming up' ? 0 : (rss - rssAtStop) / 1e6;
    readings.push({ atMs, rss, unanswered: unansweredCalls });
    tell({
      atSeconds: (atMs - stoppedAtMs) / 1_000,
      growthMb,
      unansweredCalls,
      refusedCalls: refusals.count(grpc.status.OK),
      phase,
    });
    if (phase === 'server stopped' && growthMb > plan.maxGrowthMb) giveUp();
  }, SAMPLE_EVERY_MS);
  await pause(plan.warmUpSeconds * 1_000);

  signalServer(plan.serverPid, 'SIGSTOP');
  stoppedAtMs = performance.now();
  rssAtStop = process.memoryUsage.rss();
  const callsBeforeStop = offering.calls;
  phase = 'server stopped';
  await Promise.race([pause(plan.stoppedSeconds * 1_000), tooMuch]);
  const stoppedForSeconds = (performance.now() - stoppedAtMs) / 1_000;
  const offeredPerSecond = (offering.calls - callsBeforeStop) / stoppedForSeconds;

  phase = 'server back';
  signalServer(plan.serverPid, 'SIGCONT');
  resumedAtMs = performance.now();
  await pause(plan.recoverySeconds * 1_000);
  offering[Symbol.dispose]();
  clearInterval(sampling);

  const curve = readings.map(({ atMs, rss, unanswered }) => ({
    atSeconds: (atMs - stoppedAtMs) / 1_000,
    growthMb: (rss - rssAtStop) / 1e6,
    unanswered,
  }));
  const whileStopped = curve.filter(({ atSeconds }) => atSeconds >= 0 && atSeconds <= stoppedForSeconds);
  const growthWithin = (from: number, to: number): number =>
    mean(
      whileStopped
        .filter(({ atSeconds }) => atSeconds >= from * stoppedForSeconds && atSeconds <= to * stoppedForSeconds)
        .map(({ growthMb }) => growthMb),
    );
  const report: StoppedServerReport = {
    growthMb: curve.map(({ atSeconds, growthMb }) => [atSeconds, growthMb]),
    unansweredCalls: curve.map(({ atSeconds, unanswered }) => [atSeconds, unanswered]),
    offeredPerSecond,
    stoppedForSeconds,
    endedEarly: stoppedForSeconds < plan.stoppedSeconds - 0.1,
    peakGrowthMb: Math.max(...whileStopped.map(({ growthMb }) => growthMb)),
    secondHalfGrowthMb: growthWithin(0.75, 1) - growthWithin(0.5, 0.75),
    firstSuccessMs,
    firstNewSuccessMs,
    refusedCalls: refusals.count(grpc.status.OK),
    refusedP99Ms: refusals.percentileMs(99),
    statuses: outcomes.statuses,
  };
  return report;
});

function signalServer(pid: number, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Of a server that is gone already only the stop is missed.
    if (signal === 'SIGSTOP') throw error;
  }
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
