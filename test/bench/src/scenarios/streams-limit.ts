import { closedLoop, type ClosedLoop } from '../load/closed-loop.js';
import { findCell, type Scenario } from '../scenario.js';
import { startUnaryServer } from '../servers/start-unary-server.js';
import { compare } from '../summary.js';
import { failures, noFailures } from './failures.js';
import { openClient } from './open-client.js';

const CONNECTIONS = { min: 1, max: 10 };

/** What a client makes of a server that takes few streams a connection. */
export const streamsLimit: Scenario = {
  name: 'streams-limit',
  work: 'server with MAX_CONCURRENT_STREAMS 100 and 50 ms a call, 1,000 calls at once, pools of up to 10 connections',
  metrics: [
    { key: 'callsPerSecond', title: 'calls/s', digits: 0, ratio: true },
    { key: 'p50Ms', title: 'p50 ms', digits: 1 },
    { key: 'p99Ms', title: 'p99 ms', digits: 1 },
    { key: 'loopUs', title: 'event loop µs/call', digits: 1 },
    failures,
  ],
  baseline: 'raw',
  variants: ['raw', 'grpc-gcp', 'grpc-manifold'],
  cases: [''],
  rounds: { measured: 15, warmUp: 2 },

  async open(variants, { quick }) {
    const loop: ClosedLoop = { concurrency: 1_000, rampMs: 300, measureMs: quick ? 400 : 1_000 };
    const request = Buffer.alloc(100);
    const server = await startUnaryServer({ maxConcurrentStreams: 100, delayMs: 50 });
    return {
      variants: variants.map((name) => {
        const client = openClient(name, server.port, CONNECTIONS);
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
    const overRaw = findCell(results, 'grpc-manifold')?.ratios['callsPerSecond'];
    const overGcp = compare(results, 'grpc-manifold', 'grpc-gcp', 'callsPerSecond');
    return [
      {
        text: 'grpc-manifold carries at least 4.5 × the calls of raw',
        measured: overRaw === undefined ? 'not measured' : `${overRaw.median.toFixed(2)} ×`,
        reached: overRaw && overRaw.median >= 4.5,
      },
      {
        text: 'grpc-manifold carries at least as many calls as grpc-gcp',
        measured: overGcp === undefined ? 'not measured' : `${overGcp.median.toFixed(2)} ×`,
        reached: overGcp && overGcp.median >= 1,
      },
      noFailures(results),
    ];
  },
};
