import { status } from '@grpc/grpc-js';
import type { CallExplanation } from '@grpc-manifold/core';
import { explanationOf } from '@grpc-manifold/core/internal';
import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { endWithTheBench, processOptions } from '../child-process.js';
import { openLoop } from '../load/open-loop.js';
import { openClient } from '../scenarios/open-client.js';
import type { MemoryPoint, StallLoadOptions, StallNews, StallOrder } from './stall-report.js';

const SAMPLE_EVERY_MS = 500;
const SETTLE_MS = 3_000;
const LOOP_DELAY_RESOLUTION_MS = 5;
const MB = 1 << 20;

const options = processOptions<StallLoadOptions>();
const client = openClient(options.variant, options.port, { min: 1, max: 10 });
const request = Buffer.alloc(options.requestBytes);

let phase: 'warm-up' | 'stalled' | 'resumed' = 'warm-up';
let underWay = 0;
let offeredAtStall = 0;
let offeredWhileStalled = 0;
let stalledMs = 0;
let resumedMs = 0;
let resumedAtMs = 0;
let firstSuccessMs: number | undefined;
const ended = { 'warm-up': new Map<number, number>(), stalled: new Map(), resumed: new Map() };
const shedUs = createHistogram();
/** Stands on the explanation of a refused call: a map of all refused calls would count as memory of the client. */
const REFUSAL = Symbol('when the call was refused, and whether it had been let in before');
type Refused = CallExplanation & { [REFUSAL]?: { readonly atMs: number; readonly isGivenUp: boolean } };
let isMakingCall = false;
client.onShed?.(({ explanation }) => {
  const isGivenUp = explanation.refusedBy === 'no-connection' && !isMakingCall;
  (explanation as Refused)[REFUSAL] = { atMs: performance.now(), isGivenUp };
});
/** Calls that were let in and are given up together, when the last connection is lost. */
const givenUp = { calls: 0, firstMs: Infinity, lastMs: -Infinity };
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
const memory: MemoryPoint[] = [];
let start = { rss: 0, heap: 0 };

function call(): void {
  underWay += 1;
  isMakingCall = true;
  client.send(
    request,
    options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
    (error) => {
      underWay -= 1;
      const code = error?.code ?? status.OK;
      ended[phase].set(code, (ended[phase].get(code) ?? 0) + 1);
      if (phase === 'stalled' && error !== null) noteRefusal(explanationOf(error));
      if (phase === 'resumed' && code === status.OK) firstSuccessMs ??= Date.now() - resumedAtMs;
    },
  );
  isMakingCall = false;
}

/**
 * Counts from the refusal: a queue is there for waiting, and only the time after the refusal is lost to the caller.
 * Calls that are given up together are told one after another, at what each costs grpc-js to make its error; they are
 * counted apart.
 */
function noteRefusal(explanation: Refused | undefined): void {
  const refusal = explanation?.[REFUSAL];
  if (refusal === undefined) return;
  const nowMs = performance.now();
  if (refusal.isGivenUp) {
    givenUp.calls += 1;
    givenUp.firstMs = Math.min(givenUp.firstMs, refusal.atMs);
    givenUp.lastMs = nowMs;
  } else {
    shedUs.record(Math.max(1, Math.round((nowMs - refusal.atMs) * 1_000)));
  }
}

function usedMemory(): typeof start {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / MB, heap: (heapUsed + external) / MB };
}

function sampleMemory(): void {
  const now = usedMemory();
  const point = {
    s: (performance.now() - stalledMs) / 1_000,
    rssMb: now.rss - start.rss,
    heapMb: now.heap - start.heap,
  };
  memory.push(point);
  if (phase !== 'stalled' || point.rssMb < options.capMb) return;
  load.stop();
  send({ kind: 'capped' });
}

function send(news: StallNews): void {
  process.send?.(news);
}

function byName(codes: Map<number, number>): Record<string, number> {
  return Object.fromEntries([...codes].map(([code, count]) => [status[code] ?? String(code), count]));
}

function report(): void {
  const stalledS = (resumedMs - stalledMs) / 1_000;
  send({
    kind: 'report',
    report: {
      memory,
      stalledS,
      startRssMb: start.rss,
      offeredPerSecond: offeredWhileStalled / stalledS,
      endedWhileStalled: byName(ended.stalled),
      endedAfterwards: byName(ended.resumed),
      shedCalls: Number(shedUs.count),
      shedP99Ms: shedUs.count === 0 ? NaN : shedUs.percentile(99) / 1_000,
      givenUpCalls: givenUp.calls,
      givenUpMs: givenUp.lastMs - givenUp.firstMs,
      // What it records is the time between two timers.
      loopDelayP99Ms: Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_DELAY_RESOLUTION_MS),
      ...(firstSuccessMs === undefined ? {} : { firstSuccessMs }),
      unsettledCalls: underWay,
    },
  });
}

endWithTheBench();
const load = openLoop(options.callsPerSecond, call);
setTimeout(() => send({ kind: 'warm' }), options.warmUpMs);
process.on('message', (order: StallOrder) => {
  switch (order.kind) {
    case 'stalled':
      phase = 'stalled';
      stalledMs = performance.now();
      offeredAtStall = load.offeredCalls;
      start = usedMemory();
      loopDelay.enable();
      sampleMemory();
      setInterval(sampleMemory, SAMPLE_EVERY_MS);
      break;
    case 'resumed':
      sampleMemory();
      loopDelay.disable();
      phase = 'resumed';
      resumedMs = performance.now();
      resumedAtMs = order.atMs;
      offeredWhileStalled = load.offeredCalls - offeredAtStall;
      break;
    case 'finish': {
      load.stop();
      const untilMs = performance.now() + SETTLE_MS;
      const poll = setInterval(() => {
        if (underWay > 0 && performance.now() < untilMs) return;
        clearInterval(poll);
        report();
      }, 20);
    }
  }
});
