import fc from 'fast-check';
import { carryOut } from './interleaving.js';
import { plan } from './plan.js';

/** To replay a failure, put its seed here and its path beside it: `path: '12:0:3'`. */
const SEED = 20_260_304;
/** Ends a search for a smaller counterexample before the runner does, which would not tell the seed. */
const MOST_MS = 600_000;
/** Milliseconds that a test of {@link searchInterleavings} may take. */
export const SEARCH_TIMEOUT_MS = MOST_MS + 60_000;

/** Carries out plans drawn from one seed, and rejects with the smallest that breaks a promise of the pool. */
export async function searchInterleavings(numRuns: number): Promise<void> {
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
    { seed: SEED, numRuns, plugins: [fc.interruptAfterTimeLimit(MOST_MS, { failOnInterrupt: true })] },
  );
  console.log(JSON.stringify(seen));
}
