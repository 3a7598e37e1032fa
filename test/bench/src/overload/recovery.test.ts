import { describe, expect, it } from 'vitest';
import type { OverloadStep } from './overload-report.js';
import { settledAfterS } from './recovery.js';

const stretch = { fromS: 10, toS: 20, capacity: 500 };

function steps(goodput: (s: number) => number): OverloadStep[] {
  return Array.from({ length: 120 }, (_, index) => 0.125 + index * 0.25).map((s) => ({
    s,
    lengthS: 0.25,
    goodput: goodput(s),
    shed: 0,
  }));
}

describe('the time to settle', () => {
  it('is next to none when goodput is at capacity at once', () => {
    expect(
      settledAfterS(
        steps((s) => (s < 10 ? 2_000 : 500)),
        stretch,
      ),
    ).toBeLessThan(0.25);
  });

  it('is the time until goodput has come near', () => {
    expect(
      settledAfterS(
        steps((s) => (s < 13 ? 0 : 480)),
        stretch,
      ),
    ).toBeCloseTo(3, 0);
  });

  it('counts from the last time that goodput was off', () => {
    expect(
      settledAfterS(
        steps((s) => (s > 16 && s < 17 ? 100 : 500)),
        stretch,
      ),
    ).toBeCloseTo(7, 0);
  });

  it('does not count a step that reaches into what comes after', () => {
    const late = steps((s) => (s < 20.2 ? 500 : 2_000)).map((step) => ({ ...step, s: step.s - 0.05 }));
    const straddling = late.map((step) => (step.s > 19.9 && step.s < 20.1 ? { ...step, goodput: 1_300 } : step));
    expect(settledAfterS(straddling, stretch)).toBeLessThan(0.25);
  });

  it('never comes when the last second is off', () => {
    expect(
      settledAfterS(
        steps((s) => (s > 19 ? 700 : 500)),
        stretch,
      ),
    ).toBeUndefined();
  });
});
