import { describe, it } from 'vitest';
import { SEARCH_TIMEOUT_MS, searchInterleavings } from './search.js';

/** Rest takes its time where connections live in threads. */
const RUNS = process.env['MANIFOLD_THREADS'] === undefined ? 150 : 60;

describe('any interleaving of calls, endings, losses, resizes and drains on real sockets', () => {
  it('keeps the promises of the pool', () => searchInterleavings(RUNS), SEARCH_TIMEOUT_MS);
});
