import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResetBudget } from './reset-budget.js';

/** How many resets in a row are granted at a moment. */
function drain(budget: ResetBudget, nowMs: number): number {
  let count = 0;
  while (budget.take(nowMs)) count += 1;
  return count;
}

describe('ResetBudget', () => {
  it('grants 800 at once and then 25 a second', () => {
    const budget = new ResetBudget(5_000);
    expect(drain(budget, 5_000)).toBe(800);
    expect(drain(budget, 5_039)).toBe(0);
    expect(drain(budget, 5_040)).toBe(1);
    expect(drain(budget, 6_040)).toBe(25);
    expect(drain(budget, 36_040)).toBe(750);
  });

  it.each([
    ['none, however long it rests', 0, 25, 1e9, 0],
    ['no more than the burst after a long rest', 10, 5, 1e9, 10],
    ['one at a time', 1, 1, 1_000, 1],
    ['nothing for half a token', 1, 1, 500, 0],
  ])('grants %s', (_what, burst, perSecond, restMs, granted) => {
    const budget = new ResetBudget(0, burst, perSecond);
    expect(drain(budget, 0)).toBe(burst);
    expect(drain(budget, restMs)).toBe(granted);
  });

  it.each([
    ['nothing was used', 0, 0, false],
    ['an eighth is left', 700, 0, false],
    ['less than an eighth is left', 701, 0, true],
    ['none is left', 800, 0, true],
    ['none is left and too little has grown back', 800, 3_999, true],
    ['none is left and an eighth has grown back', 800, 4_000, false],
  ])('is low or not when %s', (_what, used, restMs, isLow) => {
    const budget = new ResetBudget(0);
    for (let taken = 0; taken < used; taken += 1) budget.take(0);
    expect(budget.isLow(restMs)).toBe(isLow);
  });

  it('keeps what was refused a fraction for: asking early costs nothing', () => {
    const budget = new ResetBudget(0, 1, 1);
    budget.take(0);
    for (let nowMs = 100; nowMs < 1_000; nowMs += 100) expect(budget.take(nowMs)).toBe(false);
    expect(budget.take(1_001)).toBe(true);
  });

  it('never grants more in any stretch of time than the burst and its rate', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 60 }), (gaps) => {
        const budget = new ResetBudget(0, 20, 10);
        const grantedAt: number[] = [];
        let nowMs = 0;
        for (const gapMs of gaps) {
          nowMs += gapMs;
          for (let count = drain(budget, nowMs); count > 0; count -= 1) grantedAt.push(nowMs);
        }
        for (const [first, fromMs] of grantedAt.entries()) {
          for (let last = first; last < grantedAt.length; last += 1) {
            const elapsedMs = (grantedAt[last] as number) - fromMs;
            if (last - first + 1 > 20 + elapsedMs / 100 + 1e-6) {
              throw new Error(`${last - first + 1} resets in ${elapsedMs} ms`);
            }
          }
        }
      }),
      { seed: 20_260_104, numRuns: 200 },
    );
  });
});
