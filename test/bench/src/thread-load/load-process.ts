import { monitorEventLoopDelay } from 'node:perf_hooks';
import { endWithTheBench, processOptions } from '../child-process.js';
import type { ConnectionCount } from '../clients/unary-client.js';
import { closedLoop } from '../load/closed-loop.js';
import { openLoop } from '../load/open-loop.js';
import type { Sample } from '../scenario.js';
import { openClient } from '../scenarios/open-client.js';
import type { ThreadLoadNews, ThreadLoadOptions, ThreadLoadOrder } from './thread-load.js';

const LOOP_DELAY_RESOLUTION_MS = 1;

const { variant, port, requestBytes, load, measureMs } = processOptions<ThreadLoadOptions>();
const client = openClient(variant, port, connectionsOf(variant));
const request = Buffer.alloc(requestBytes);

/** One connection, as raw has it, or one for each thread. */
function connectionsOf(name: string): ConnectionCount {
  const count = name === 'threads: 2' ? 2 : 1;
  return { min: count, max: count };
}

async function busily(concurrency: number): Promise<Sample> {
  return {
    ...(await closedLoop((done) => client.send(request, {}, done), { concurrency, rampMs: measureMs / 2, measureMs })),
  };
}

/** A load that does not wait for its answers, and how late the event loop is under it. */
async function steadily(callsPerSecond: number): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  let open = 0;
  let failedCalls = 0;
  const offered = openLoop(callsPerSecond, () => {
    open += 1;
    client.send(request, {}, (error) => {
      open -= 1;
      if (error !== null) failedCalls += 1;
    });
  });
  await new Promise((resolve) => setTimeout(resolve, measureMs / 4));
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  delay.disable();
  offered.stop();
  while (open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  // What it records is the time between two timers.
  const lateMs = (percentile: number): number =>
    Math.max(0, delay.percentile(percentile) / 1e6 - LOOP_DELAY_RESOLUTION_MS);
  return { loopDelayP50Ms: lateMs(50), loopDelayP99Ms: lateMs(99), failedCalls };
}

function send(news: ThreadLoadNews): void {
  process.send?.(news);
}

endWithTheBench();
process.on('message', (_order: ThreadLoadOrder) => {
  const sample = 'concurrency' in load ? busily(load.concurrency) : steadily(load.callsPerSecond);
  void sample.then((measured) => send({ kind: 'measured', measurement: { sample: measured } }));
});
send({ kind: 'ready' });
