import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ConnectionCount, UnaryClient } from '../clients/unary-client.js';
import { closedLoop, type ClosedLoop } from '../load/closed-loop.js';
import { openLoop } from '../load/open-loop.js';
import { findCell, type Goal, type Measurement, type Scenario } from '../scenario.js';
import { startUnaryServer, type UnaryServer } from '../servers/start-unary-server.js';
import { failures, noFailures } from './failures.js';
import { openClient } from './open-client.js';

const IN_THREADS = ['threads: 1', 'threads: 2'];
const SMALL = '100 B, 128 at once';
const STEADY = '100 B, 5,000 calls/s';
const LARGE = '200 KB each way, 16 at once';
const SMALL_BYTES = 100;
const LARGE_BYTES = 200_000;
const STEADY_CALLS_PER_SECOND = 5_000;
const LOOP_DELAY_RESOLUTION_MS = 1;

/** One connection, as raw has it, or one for each thread. */
function connectionsOf(variant: string): ConnectionCount {
  const count = variant === 'threads: 2' ? 2 : 1;
  return { min: count, max: count };
}

/** What is left on the calling thread when connections live in others. */
export const threads: Scenario = {
  name: 'threads',
  work: 'unary calls, server without a stream limit on the same cores; a connection for each thread',
  metrics: [
    { key: 'loopUs', title: 'event loop µs/call', digits: 1, ratio: true },
    { key: 'threadUs', title: 'thread CPU µs/call', digits: 1, ratio: true },
    { key: 'callsPerSecond', title: 'calls/s', digits: 0, ratio: true },
    { key: 'loopDelayP50Ms', title: 'event loop delay p50 ms', digits: 2 },
    { key: 'loopDelayP99Ms', title: 'event loop delay p99 ms', digits: 2 },
    failures,
  ],
  baseline: 'raw',
  variants: ['raw', 'grpc-manifold', ...IN_THREADS],
  cases: [SMALL, STEADY, LARGE],
  rounds: { measured: 15, warmUp: 3 },

  async open(variants, { quick }) {
    const measureMs = quick ? 200 : 600;
    const small = await startUnaryServer({});
    const large = await startUnaryServer({ responseBytes: LARGE_BYTES });
    const loop = (concurrency: number): ClosedLoop => ({ concurrency, rampMs: 50, measureMs });
    return {
      variants: variants.map((name) => {
        const open = ({ port }: UnaryServer): UnaryClient => openClient(name, port, connectionsOf(name));
        const clients: Readonly<Record<string, UnaryClient>> = {
          [SMALL]: open(small),
          [STEADY]: open(small),
          [LARGE]: open(large),
        };
        return {
          name,
          measure: (caseName) => {
            const client = clients[caseName] as UnaryClient;
            if (caseName === STEADY) return steadily(client, measureMs * 2);
            const request = Buffer.alloc(caseName === LARGE ? LARGE_BYTES : SMALL_BYTES);
            return busily(client, request, loop(caseName === LARGE ? 16 : 128));
          },
          close: async () => {
            for (const client of Object.values(clients)) await client.close();
          },
        };
      }),
      close: async () => {
        for (const server of [small, large]) await server.stop();
      },
    };
  },

  goals(results) {
    const goal = (variant: string, text: string, key: string, reaches: (ratio: number) => boolean): Goal => {
      const ratio = findCell(results, variant, SMALL)?.ratios[key];
      return {
        text: `${variant}: ${text}`,
        measured: ratio === undefined ? 'not measured' : `${ratio.median.toFixed(3)} ×`,
        reached: ratio && reaches(ratio.median),
      };
    };
    return [
      ...IN_THREADS.flatMap((variant) => [
        goal(variant, 'costs the calling thread at most 0.22 × raw', 'loopUs', (ratio) => ratio <= 0.22),
        goal(variant, 'carries at least 1.5 × the calls of raw', 'callsPerSecond', (ratio) => ratio >= 1.5),
      ]),
      noFailures(results),
    ];
  },
};

async function busily(client: UnaryClient, request: Buffer, loop: ClosedLoop): Promise<Measurement> {
  return { sample: { ...(await closedLoop((done) => client.send(request, {}, done), loop)) } };
}

/** A load that does not wait for its answers, and how late the event loop is under it. */
async function steadily(client: UnaryClient, measureMs: number): Promise<Measurement> {
  const request = Buffer.alloc(SMALL_BYTES);
  const delay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  let open = 0;
  let failedCalls = 0;
  const load = openLoop(STEADY_CALLS_PER_SECOND, () => {
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
  load.stop();
  while (open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  // What it records is the time between two timers.
  const lateMs = (percentile: number): number =>
    Math.max(0, delay.percentile(percentile) / 1e6 - LOOP_DELAY_RESOLUTION_MS);
  return { sample: { loopDelayP50Ms: lateMs(50), loopDelayP99Ms: lateMs(99), failedCalls } };
}
