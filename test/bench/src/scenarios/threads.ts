import { startProcess } from '../child-process.js';
import { newsFrom } from '../process-news.js';
import { findCell, type Goal, type Scenario, type Variant } from '../scenario.js';
import { startUnaryServer, type UnaryServer } from '../servers/start-unary-server.js';
import type { ThreadLoadNews, ThreadLoadOptions, ThreadLoadOrder } from '../thread-load/thread-load.js';
import { failures, noFailures } from './failures.js';

const IN_THREADS = ['threads: 1', 'threads: 2'];
const SMALL = '100 B, 128 at once';
const STEADY = '100 B, 5,000 calls/s';
const LARGE = '200 KB each way, 16 at once';
const SMALL_BYTES = 100;
const LARGE_BYTES = 200_000;

type Load = Pick<ThreadLoadOptions, 'requestBytes' | 'load'>;
const LOADS: Readonly<Record<string, Load>> = {
  [SMALL]: { requestBytes: SMALL_BYTES, load: { concurrency: 128 } },
  [STEADY]: { requestBytes: SMALL_BYTES, load: { callsPerSecond: 5_000 } },
  [LARGE]: { requestBytes: LARGE_BYTES, load: { concurrency: 16 } },
};

/**
 * What is left on the calling thread when connections live in others. Each client and load has a process of its own, as
 * it would in an application: within one, the compiled code and the heap of one variant weigh on the next.
 */
export const threads: Scenario = {
  name: 'threads',
  work: 'unary calls, server without a stream limit on the same cores; a connection for each thread, a process for each client',
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
    const measureMs = quick ? 200 : 1_000;
    const small = await startUnaryServer({});
    const large = await startUnaryServer({ responseBytes: LARGE_BYTES });
    const serverOf = (caseName: string): UnaryServer => (caseName === LARGE ? large : small);
    return {
      variants: await Promise.all(
        variants.map((name) =>
          openVariant(name, (caseName) => ({
            variant: name,
            port: serverOf(caseName).port,
            measureMs,
            ...(LOADS[caseName] as Load),
          })),
        ),
      ),
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

/** A variant with a process for each case. */
async function openVariant(name: string, optionsOf: (caseName: string) => ThreadLoadOptions): Promise<Variant> {
  const module = new URL('../thread-load/load-process.js', import.meta.url);
  const processes = new Map(
    await Promise.all(
      Object.keys(LOADS).map(async (caseName) => [caseName, await startProcess(module, optionsOf(caseName))] as const),
    ),
  );
  return {
    name,
    async measure(caseName) {
      const child = processes.get(caseName)?.child;
      if (child === undefined) return undefined;
      const measured = newsFrom<ThreadLoadNews>(child)('measured');
      child.send({ kind: 'measure' } satisfies ThreadLoadOrder);
      return (await measured).measurement;
    },
    close: async () => {
      for (const each of processes.values()) await each.stop();
    },
  };
}
