import { status, type ServiceError } from '@grpc/grpc-js';
import { explain } from '@grpc-manifold/core';
import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { endWithTheBench, processOptions } from '../child-process.js';
import { openLoop } from '../load/open-loop.js';
import { openOverloadClient } from './open-overload-client.js';
import type { OverloadLoadOptions, OverloadNews, OverloadStep } from './overload-report.js';

const STEP_MS = 250;
const LOOP_DELAY_RESOLUTION_MS = 5;

const options = processOptions<OverloadLoadOptions>();
const client = openOverloadClient(options.variant, options.port);
const request = Buffer.alloc(options.requestBytes);

let measuring = false;
let good = 0;
let shed = 0;
const ended = new Map<string, number>();
const okUs = createHistogram();
const shedSettleUs = createHistogram();
const shedTotalUs = createHistogram();
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });

function call(): void {
  const beganMs = performance.now();
  client.send(request, { deadline: Date.now() + options.deadlineMs }, (error) => {
    if (measuring) count(error, performance.now() - beganMs);
  });
}

function count(error: ServiceError | null, tookMs: number): void {
  const refusal = explain(error);
  const name = [status[error?.code ?? status.OK], refusal?.refusedBy ?? ''].join(' ').trim();
  ended.set(name, (ended.get(name) ?? 0) + 1);
  if (error === null) {
    if (tookMs <= options.deadlineMs) good += 1;
    okUs.record(toUs(tookMs));
  } else if (refusal?.refusedBy !== undefined) {
    shed += 1;
    // Waiting is what a queue is for; what counts is how long the answer took once it was no longer waiting.
    shedSettleUs.record(toUs(tookMs - (refusal.queueWaitMs ?? 0)));
    shedTotalUs.record(toUs(tookMs));
  }
}

function toUs(ms: number): number {
  return Math.max(1, Math.round(ms * 1_000));
}

function measure(): void {
  measuring = true;
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const offeredBefore = load.offeredCalls;
  const steps: OverloadStep[] = [];
  let last = { ms: startMs, good: 0, shed: 0 };
  loopDelay.enable();
  send({ kind: 'measuring', atMs: Date.now() });
  const stepping = setInterval(() => {
    const now = { ms: performance.now(), good, shed };
    const seconds = (now.ms - last.ms) / 1_000;
    steps.push({
      s: ((now.ms + last.ms) / 2 - startMs) / 1_000,
      lengthS: seconds,
      goodput: (now.good - last.good) / seconds,
      shed: (now.shed - last.shed) / seconds,
      ...client.queue?.(),
    });
    last = now;
    if (now.ms - startMs < options.measureMs) return;
    clearInterval(stepping);
    load.stop();
    report((now.ms - startMs) / 1_000, load.offeredCalls - offeredBefore, process.cpuUsage(cpu), steps);
  }, STEP_MS);
}

function report(seconds: number, offered: number, cpu: NodeJS.CpuUsage, steps: readonly OverloadStep[]): void {
  measuring = false;
  send({
    kind: 'report',
    report: {
      offeredPerSecond: offered / seconds,
      goodputPerSecond: good / seconds,
      shedPerSecond: shed / seconds,
      okP50Ms: percentileMs(okUs, 50),
      okP99Ms: percentileMs(okUs, 99),
      shedSettleP99Ms: percentileMs(shedSettleUs, 99),
      shedTotalP99Ms: percentileMs(shedTotalUs, 99),
      ended: Object.fromEntries(ended),
      // What it records is the time between two timers.
      loopDelayP99Ms: Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_DELAY_RESOLUTION_MS),
      cpuRatio: (cpu.user + cpu.system) / 1e6 / seconds,
      steps,
    },
  });
}

function percentileMs(us: typeof okUs, percentile: number): number | undefined {
  return us.count === 0 ? undefined : us.percentile(percentile) / 1_000;
}

function send(news: OverloadNews): void {
  process.send?.(news);
}

endWithTheBench();
send({ kind: 'ready' });
const load = openLoop(options.callsPerSecond, call);
setTimeout(measure, options.warmUpMs);
