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
import { MemoryCurve } from './memory-curve.js';
import { ProcessorShare } from './processor-share.js';
import { Tally } from './tally.js';

export interface StoppedServerPlan {
  readonly contestant: Contestant;
  readonly target: string;
  readonly serverPid: number;
  readonly callsPerSecond: number;
  readonly payloadBytes: number;
  /** The server is stopped when this many calls were answered, or after this many seconds. */
  readonly warmUp: { readonly calls: number; readonly maxSeconds: number };
  /** Seconds that the server stays stopped. */
  readonly stoppedSeconds: number;
  /** The load after the server goes on: lighter, or it would be the load that new calls wait for. */
  readonly recovery: { readonly callsPerSecond: number; readonly seconds: number };
  /** Growth at which the server is let go on early, for the sake of the machine. */
  readonly maxGrowthMb: number;
}

export interface StoppedServerSample {
  /** Since the server was stopped; negative before. */
  readonly atSeconds: number;
  /** See {@link MemoryCurve}. */
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
  /** See {@link MemoryCurve}; both for the time that the server was stopped. */
  readonly peakGrowthMb: number;
  readonly floorRiseMb: number;
  /** Milliseconds from the server's going on to the first success of any call; undefined: none came. */
  readonly firstSuccessMs: number | undefined;
  /** The same for a call that was made after the server went on. */
  readonly firstNewSuccessMs: number | undefined;
  readonly refusedCalls: number;
  /** The time within which 99 % of the refused calls had their status. */
  readonly refusedP99Ms: number;
  /** See {@link ProcessorShare}. */
  readonly processorShare: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** The most calls that wait for an answer before the server is stopped. */
const WARM_UP_CALLS = 64;
/** The rate rises to its full height in this time: code that never ran yet is slow. */
const RAMP_SECONDS = 1.5;
const SAMPLE_EVERY_MS = 100;

await runAsLoadProcess(async (plan: StoppedServerPlan, tell: (sample: StoppedServerSample) => void) => {
  await using client = openClient(plan.contestant, plan.target);
  const document = Buffer.alloc(plan.payloadBytes, 'x');
  const outcomes = new Tally();
  const refusals = new Tally();
  let phase: StoppedServerSample['phase'] = 'warming up';
  // Whatever ends this process: nobody is left behind who cannot hear that it is over.
  process.on('exit', () => phase === 'server stopped' && signalServer(plan.serverPid, 'SIGKILL'));
  const warm = moment();
  const grewTooMuch = moment();
  let unansweredCalls = 0;
  let resumedAtMs = Infinity;
  let firstSuccessMs: number | undefined;
  let firstNewSuccessMs: number | undefined;

  const call = (): void => {
    // Both begin healthy, also on a machine that cannot answer the full rate: what is measured is the stop.
    if (phase === 'warming up' && unansweredCalls >= WARM_UP_CALLS) return;
    const startedAtMs = performance.now();
    unansweredCalls += 1;
    client.orders.place({ document }, (error) => {
      const nowMs = performance.now();
      unansweredCalls -= 1;
      outcomes.add(error, nowMs - startedAtMs);
      if (error?.code === grpc.status.RESOURCE_EXHAUSTED) refusals.add(null, nowMs - startedAtMs);
      if (outcomes.count(grpc.status.OK) === plan.warmUp.calls) warm.resolve();
      if (error !== null || nowMs < resumedAtMs) return;
      firstSuccessMs ??= nowMs - resumedAtMs;
      if (startedAtMs >= resumedAtMs) firstNewSuccessMs ??= nowMs - resumedAtMs;
    });
  };

  const memory = new MemoryCurve();
  const unanswered: [atMs: number, calls: number][] = [];
  let stoppedAtMs = Infinity;
  const sampling = setInterval(() => {
    const atMs = performance.now();
    const growthMb = memory.read(atMs);
    unanswered.push([atMs, unansweredCalls]);
    tell({
      atSeconds: phase === 'warming up' ? 0 : (atMs - stoppedAtMs) / 1_000,
      growthMb,
      unansweredCalls,
      refusedCalls: refusals.count(grpc.status.OK),
      phase,
    });
    if (phase === 'server stopped' && growthMb > plan.maxGrowthMb) grewTooMuch.resolve();
  }, SAMPLE_EVERY_MS);

  const offering = new ConstantRate(plan.callsPerSecond, RAMP_SECONDS, call);
  await Promise.race([pause(plan.warmUp.maxSeconds * 1_000), warm.done]);

  signalServer(plan.serverPid, 'SIGSTOP');
  phase = 'server stopped';
  stoppedAtMs = performance.now();
  memory.takeBaseline();
  const processor = new ProcessorShare();
  const callsBeforeStop = offering.calls;
  await Promise.race([pause(plan.stoppedSeconds * 1_000), grewTooMuch.done]);
  const stoppedForSeconds = (performance.now() - stoppedAtMs) / 1_000;
  const offeredPerSecond = (offering.calls - callsBeforeStop) / stoppedForSeconds;
  const processorShare = processor.read();
  offering[Symbol.dispose]();

  signalServer(plan.serverPid, 'SIGCONT');
  phase = 'server back';
  resumedAtMs = performance.now();
  const recovering = new ConstantRate(plan.recovery.callsPerSecond, 0, call);
  await pause(plan.recovery.seconds * 1_000);
  recovering[Symbol.dispose]();
  clearInterval(sampling);

  const sinceStop = ([atMs, value]: readonly [number, number]): Point => [(atMs - stoppedAtMs) / 1_000, value];
  const report: StoppedServerReport = {
    growthMb: memory.points.map(sinceStop),
    unansweredCalls: unanswered.map(sinceStop),
    offeredPerSecond,
    stoppedForSeconds,
    endedEarly: stoppedForSeconds < plan.stoppedSeconds - 0.1,
    peakGrowthMb: memory.peakMb(stoppedAtMs, resumedAtMs),
    floorRiseMb: memory.floorRiseMb(stoppedAtMs, resumedAtMs),
    firstSuccessMs,
    firstNewSuccessMs,
    refusedCalls: refusals.count(grpc.status.OK),
    refusedP99Ms: refusals.percentileMs(99),
    processorShare,
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

/** A moment that code elsewhere brings about. */
function moment(): { readonly done: Promise<void>; resolve(): void } {
  let resolve = (): void => undefined;
  const done = new Promise<void>((settle) => (resolve = settle));
  return { done, resolve: () => resolve() };
}
