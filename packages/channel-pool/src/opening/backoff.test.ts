import { describe, expect, it } from 'vitest';
import { seededRandom } from '@grpc-manifold/testing';
import { ConnectionBackoff } from './backoff.js';

/** Draws the same number each time: 0.5 is no jitter, 0 the least and 1 (never quite reached) the most. */
const drawing = (number: number): { next(): number } => ({ next: () => number });

function delays(backoff: ConnectionBackoff, count: number): number[] {
  return Array.from({ length: count }, () => Math.round(backoff.next()));
}

describe('ConnectionBackoff', () => {
  it('begins at 1 s and grows by 1.6 to 120 s', () => {
    const backoff = new ConnectionBackoff({}, drawing(0.5));
    expect(delays(backoff, 13)).toEqual([
      1_000, 1_600, 2_560, 4_096, 6_554, 10_486, 16_777, 26_844, 42_950, 68_719, 109_951, 120_000, 120_000,
    ]);
  });

  it.each([
    ['least', 0, [800, 1_280, 2_048]],
    ['most', 1, [1_200, 1_920, 3_072]],
  ])('varies by a fifth at the %s, and does not let that grow', (_what, drawn, expected) => {
    expect(delays(new ConnectionBackoff({}, drawing(drawn)), 3)).toEqual(expected);
  });

  it('stays within a fifth of the plan, whatever is drawn', () => {
    const random = seededRandom(5);
    for (let run = 0; run < 100; run += 1) {
      const [backoff, plan] = [new ConnectionBackoff({}, random), new ConnectionBackoff({}, drawing(0.5))];
      for (let attempt = 0; attempt < 15; attempt += 1) {
        const planMs = plan.next();
        const delayMs = backoff.next();
        expect(delayMs).toBeGreaterThanOrEqual(planMs * 0.8 - 1e-6);
        expect(delayMs).toBeLessThanOrEqual(planMs * 1.2 + 1e-6);
      }
    }
  });

  it('starts over after a connection was made', () => {
    const backoff = new ConnectionBackoff({}, drawing(0.5));
    delays(backoff, 5);
    backoff.reset();
    expect(delays(backoff, 2)).toEqual([1_000, 1_600]);
  });

  it.each([
    ['both', { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 200 }, [100, 160, 200, 200]],
    ['the first alone', { 'grpc.initial_reconnect_backoff_ms': 50 }, [50, 80, 128, 205]],
    ['the last alone', { 'grpc.max_reconnect_backoff_ms': 1_500 }, [1_000, 1_500, 1_500, 1_500]],
    ['a last before the first', { 'grpc.max_reconnect_backoff_ms': 10 }, [1_000, 1_000, 1_000, 1_000]],
    [
      'a first after the default last',
      { 'grpc.initial_reconnect_backoff_ms': 200_000 },
      [200_000, 200_000, 200_000, 200_000],
    ],
  ])('goes by the channel options: %s', (_what, options, expected) => {
    const backoff = new ConnectionBackoff(options, drawing(0.5));
    expect(delays(backoff, 4)).toEqual(expected);
    expect(backoff.initialMs).toBe(expected[0]);
  });
});
