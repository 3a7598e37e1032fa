import type { UnaryClient } from '../clients/unary-client.js';
import { closedLoop, type ClosedLoop } from '../load/closed-loop.js';
import { findCell, type Goal, type Scenario } from '../scenario.js';
import { startUnaryServer } from '../servers/start-unary-server.js';
import { failures, noFailures } from './failures.js';
import { openClient } from './open-client.js';

const CONNECTIONS = { min: 4, max: 4 };
const IN_THREADS = ['threads: 1', 'threads: 2'];

/** What is left on the calling thread when connections live in others. */
export const threads: Scenario = {
  name: 'threads',
  work: 'unary 100 B, 128 at once, server without a stream limit on the same cores, pools of 4 connections',
  metrics: [
    { key: 'loopUs', title: 'event loop µs/call', digits: 1, ratio: true },
    { key: 'threadUs', title: 'thread CPU µs/call', digits: 1, ratio: true },
    { key: 'callsPerSecond', title: 'calls/s', digits: 0, ratio: true },
    failures,
  ],
  baseline: 'raw',
  variants: ['raw', 'grpc-manifold', ...IN_THREADS],
  cases: [''],
  rounds: { measured: 15, warmUp: 3 },

  async open(variants, { quick }) {
    const loop: ClosedLoop = { concurrency: 128, rampMs: 50, measureMs: quick ? 200 : 600 };
    const request = Buffer.alloc(100);
    const server = await startUnaryServer({});
    return {
      variants: variants.map((name) => {
        const client: UnaryClient = openClient(name, server.port, CONNECTIONS);
        return {
          name,
          measure: async () => ({ sample: { ...(await closedLoop((done) => client.send(request, {}, done), loop)) } }),
          close: () => client.close(),
        };
      }),
      close: () => server.stop(),
    };
  },

  goals(results) {
    const goal = (variant: string, text: string, key: string, reaches: (ratio: number) => boolean): Goal => {
      const ratio = findCell(results, variant)?.ratios[key];
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
