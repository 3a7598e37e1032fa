import type { Random } from '@grpc-manifold/core/internal';

/**
 * Creates a random source that returns the same numbers for the same seed. The algorithm is Mulberry32 by Tommy
 * Ettinger (public domain, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). Its 32 bits of
 * state are enough to distribute calls in a test.
 *
 * @param seed a whole number; only its lowest 32 bits count.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}
