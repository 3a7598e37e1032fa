/** A process of its own: an HTTP server with a page that is ready at once, and beside it a load on a gRPC server. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { createPooledClient } from 'grpc-manifold';
import { Load } from './load.js';
import { Prices } from './prices.js';
import { settings, tell } from './starter.js';

/** What the shop is told at its start. */
export interface ShopSettings {
  readonly target: string;
  readonly threads: number;
  readonly callsPerSecond: number;
  readonly seconds: number;
}

/** What the shop has seen while it was measured. */
export interface ShopReport {
  readonly callsPerSecond: number;
  readonly failedCalls: number;
  /** Share of the time for which its event loop was busy. */
  readonly busyRatio: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
}

/** Cold code is slow, and what piled up meanwhile takes its time. */
const WARM_UP_MS = 3_000;
/** Milliseconds between two looks at the clock. What a look is late by is the delay. */
const RESOLUTION_MS = 1;

const { target, threads, callsPerSecond, seconds } = settings<ShopSettings>();

const page = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ item: 'lamp', cents: 1_999 }));
});
page.listen(0, '127.0.0.1');
await once(page, 'listening');

let report: ShopReport;
{
  // This is all that differs.
  await using client = createPooledClient(Prices, target, credentials.createInsecure(), { threads });
  using load = new Load(client, callsPerSecond);
  await pause(WARM_UP_MS);
  tell((page.address() as AddressInfo).port);
  report = await measure(load);
}
tell(report);

async function measure(load: Load): Promise<ShopReport> {
  const { answeredCalls, failedCalls } = load;
  const startMs = performance.now();
  const loop = performance.eventLoopUtilization();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await pause(seconds * 1_000);
  delay.disable();
  const late = (percentile: number): number => Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS);
  return {
    callsPerSecond: ((load.answeredCalls - answeredCalls) / (performance.now() - startMs)) * 1_000,
    failedCalls: load.failedCalls - failedCalls,
    busyRatio: performance.eventLoopUtilization(loop).utilization,
    delayP50Ms: late(50),
    delayP99Ms: late(99),
  };
}
