import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeoutHeader } from './timeout-header.js';

const MS_OF: Record<string, number> = { n: 1e-6, u: 1e-3, m: 1, S: 1_000, M: 60_000, H: 3_600_000 };
/** The most that the header can say. */
const LONGEST_MS = 99_999_999 * 3_600_000;

function parse(header: string): number {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (amount === undefined || unit === undefined) throw new Error(`not a grpc-timeout: ${header}`);
  return Number(amount) * (MS_OF[unit] as number);
}

describe('timeoutHeader', () => {
  it.each([
    [1, '1m'],
    [0.2, '1m'],
    [1_000, '1000m'],
    [1_000.5, '1001m'],
    [99_999_999, '99999999m'],
    [99_999_999.5, '100000S'],
    [100_000_000, '100000S'],
    [100_000_001, '100001S'],
    [99_999_999_000, '99999999S'],
    [99_999_999_001, '1666667M'],
    [99_999_999 * 60_000, '99999999M'],
    [99_999_999 * 60_000 + 1, '1666667H'],
    [LONGEST_MS, '99999999H'],
    [LONGEST_MS + 3_600_000, '99999999H'],
    [Number.MAX_VALUE, '99999999H'],
    [0, '0m'],
    [-5, '0m'],
    [-Infinity, '0m'],
  ])('writes %d ms as %s', (remainingMs, header) => {
    expect(timeoutHeader(remainingMs)).toBe(header);
  });

  it('never says less than is left, nor more than one unit more, in at most 8 digits', () => {
    const remaining = fc.oneof(
      fc.integer({ min: 0, max: 200_000_000 }),
      fc.maxSafeNat().map((number) => number % LONGEST_MS),
      fc.nat(400_000_000).map((number) => number / 4),
    );
    fc.assert(
      fc.property(remaining, (remainingMs) => {
        const header = timeoutHeader(remainingMs);
        const saidMs = parse(header);
        expect(saidMs).toBeGreaterThanOrEqual(remainingMs);
        expect(saidMs - remainingMs).toBeLessThan(MS_OF[header.at(-1) as string] as number);
        // Coarser only where the finer one does not fit: an error of at most one in a hundred thousand.
        expect(saidMs - remainingMs).toBeLessThanOrEqual(Math.max(1, remainingMs / 100_000));
      }),
      { seed: 20_260_105, numRuns: 2_000 },
    );
  });
});
