import type { UnaryClient } from '../clients/unary-client.js';
import { closedLoop, type ClosedLoop } from '../load/closed-loop.js';
import { findCell, type Scenario } from '../scenario.js';
import { startUnaryServer } from '../servers/start-unary-server.js';
import { failures, noFailures } from './failures.js';
import { openClient } from './open-client.js';

const CONNECTIONS = { min: 4, max: 4 };

/** What a call costs the calling thread when nothing is in its way. */
export const overhead: Scenario = {
  name: 'overhead',
  work: 'unary 100 B, 64 at once, server without a stream limit, pools of 4 connections',
  metrics: [
    { key: 'loopUs', title: 'event loop µs/call', digits: 1, ratio: true },
    { key: 'threadUs', title: 'thread CPU µs/call', digits: 1, ratio: true },
    { key: 'callsPerSecond', title: 'calls/s', digits: 0, ratio: true },
    failures,
  ],
  baseline: 'raw',
  variants: ['raw', 'grpc-gcp', 'grpc-manifold', 'http2'],
  cases: [''],
  rounds: { measured: 15, warmUp: 3 },

  async open(variants, { quick }) {
    const loop: ClosedLoop = { concurrency: 64, rampMs: 50, measureMs: quick ? 200 : 600 };
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
    const ratio = findCell(results, 'grpc-manifold')?.ratios['loopUs'];
    return [
      {
        text: 'grpc-manifold costs the calling thread at most 1.03 × raw',
        measured: ratio === undefined ? 'not measured' : `${ratio.median.toFixed(3)} ×`,
        reached: ratio && ratio.median <= 1.03,
      },
      noFailures(results),
    ];
  },
};
