import { describe, it } from 'vitest';
import { SEARCH_TIMEOUT_MS, searchInterleavings } from './search.js';

describe.skipIf(process.env['MANIFOLD_THREADS'])('interleavings on real sockets, many of them', () => {
  it('keep the promises of the pool', () => searchInterleavings(1_000), SEARCH_TIMEOUT_MS);
});
