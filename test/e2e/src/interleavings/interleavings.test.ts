import fc from 'fast-check';
import { describe, it } from 'vitest';
import { carryOut } from './interleaving.js';
import { plan } from './plan.js';

/** To replay a failure, put its seed here and its path beside it: `path: '12:0:3'`. */
const SEED = 20_260_304;
/** Rest takes its time where connections live in threads. */
const RUNS = process.env['MANIFOLD_THREADS'] === undefined ? 1_000 : 60;
/** Ends a search for a smaller counterexample before the runner does, which would not tell the seed. */
const MOST_MS = 180_000;

describe('any interleaving of calls, endings, losses, resizes and drains on real sockets', () => {
  it(
    'keeps the promises of the pool',
    async () => {
      const seen = { runs: 0, steps: 0, calls: 0, retried: 0, connections: 0, streams: 0, withExtraConnections: 0 };
      await fc.assert(
        fc.asyncProperty(plan, async (given) => {
          const { calls, peer, pool, promises } = await carryOut(given);
          seen.runs += 1;
          seen.steps += given.steps.length + given.after.length;
          seen.calls += calls.length;
          seen.retried += pool.stats().retriedCalls;
          seen.connections += peer.connections.length;
          seen.streams += peer.streams;
          if (promises.extraConnections > 0) seen.withExtraConnections += 1;
        }),
        { seed: SEED, numRuns: RUNS, plugins: [fc.interruptAfterTimeLimit(MOST_MS, { failOnInterrupt: true })] },
      );
      console.log(JSON.stringify(seen));
    },
    MOST_MS + 60_000,
  );
});
