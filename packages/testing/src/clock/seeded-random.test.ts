import { describe, expect, it } from 'vitest';
import { seededRandom } from './seeded-random.js';

function draw(seed: number, count: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.next());
}

describe('seededRandom', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    expect(draw(42, 100)).toEqual(draw(42, 100));
    expect(draw(42, 100)).not.toEqual(draw(43, 100));
  });

  it('gives the numbers of the published generator', () => {
    const drawn = draw(0, 3).map((value) => value * 2 ** 32);
    expect(drawn).toEqual([1_144_304_738, 1_416_247, 958_946_056]);
  });

  it('stays in [0, 1) and fills it evenly', () => {
    const numbers = draw(7, 10_000);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const tenths = new Array<number>(10).fill(0);
    for (const value of numbers) tenths[Math.floor(value * 10)]! += 1;
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
