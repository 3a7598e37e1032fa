import { credentials } from '@grpc/grpc-js';
import { createPooledClient, idleClose, maxAge } from 'grpc-manifold';
import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { endWithTheBench, processOptions } from '../child-process.js';
import { BytesClient } from '../clients/bytes-service.js';
import { openLoop } from '../load/open-loop.js';
import type { RotationLoadOptions, RotationNews } from './rotation-report.js';

const SETTLE_MS = 3_000;
const LOOP_DELAY_RESOLUTION_MS = 5;

const { port, members, maxAgeMs, callsPerSecond, warmUpMs, measureMs } = processOptions<RotationLoadOptions>();
const client = createPooledClient(BytesClient, `127.0.0.1:${port}`, credentials.createInsecure(), {
  minChannels: members,
  maxChannels: members,
  policies: [idleClose(), ...(maxAgeMs === undefined ? [] : [maxAge({ maxAgeMs })])],
});
const request = Buffer.alloc(100);
const okUs = createHistogram();
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });

let measuring = false;
let underWay = 0;
let ok = 0;
let failed = 0;
let replaced = 0;
let fewestReady = members;

function call(): void {
  const beganMs = performance.now();
  const counts = measuring;
  if (counts) underWay += 1;
  client.send(request, {}, (error) => {
    if (!counts) return;
    underWay -= 1;
    if (error === null) {
      ok += 1;
      okUs.record(Math.max(1, Math.round((performance.now() - beganMs) * 1_000)));
    } else {
      failed += 1;
      if (failed <= 3) console.error(error);
    }
  });
}

function measure(): void {
  measuring = true;
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const offeredBefore = load.offeredCalls;
  loopDelay.enable();
  client.pool.onChannelStateChange(({ to }) => {
    if (to === 'closed') replaced += 1;
    const ready = client.pool.stats().channels.filter(({ state }) => state === 'ready').length;
    fewestReady = Math.min(fewestReady, ready);
  });
  setTimeout(() => {
    load.stop();
    loopDelay.disable();
    const seconds = (performance.now() - startMs) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    const figures = {
      offeredPerSecond: (load.offeredCalls - offeredBefore) / seconds,
      replacedPerSecond: replaced / seconds,
      fewestReady,
      cpuRatio: (user + system) / 1e6 / seconds,
    };
    const untilMs = performance.now() + SETTLE_MS;
    const poll = setInterval(() => {
      if (underWay > 0 && performance.now() < untilMs) return;
      clearInterval(poll);
      report(seconds, figures);
    }, 20);
  }, measureMs);
}

function report(
  seconds: number,
  figures: { offeredPerSecond: number; replacedPerSecond: number; fewestReady: number; cpuRatio: number },
): void {
  send({
    kind: 'report',
    report: {
      ...figures,
      okPerSecond: ok / seconds,
      failedCalls: failed + underWay,
      okP50Ms: okUs.percentile(50) / 1_000,
      okP99Ms: okUs.percentile(99) / 1_000,
      okMaxMs: okUs.max / 1_000,
      // What it records is the time between two timers.
      loopDelayP99Ms: Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_DELAY_RESOLUTION_MS),
    },
  });
}

function send(news: RotationNews): void {
  process.send?.(news);
}

endWithTheBench();
send({ kind: 'ready' });
await client.pool.warmUp({ channels: members });
const load = openLoop(callsPerSecond, call);
setTimeout(measure, warmUpMs);
