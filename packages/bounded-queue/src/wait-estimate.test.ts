import { describe, expect, it } from 'vitest';
import { WaitEstimate } from './wait-estimate.js';

/** An estimate that saw so many admissions, `everyMs` apart, the last at the time that is returned. */
function seen(count: number, everyMs: number): [WaitEstimate, number] {
  const estimate = new WaitEstimate();
  for (let index = 0; index < count; index += 1) estimate.admitted(index * everyMs, true);
  return [estimate, (count - 1) * everyMs];
}

describe('WaitEstimate', () => {
  it('says nothing before it has seen anything', () => {
    expect(new WaitEstimate().expectedMs(1_000, 0)).toBe(0);
  });

  it('says nothing before it has seen twenty admissions after the first', () => {
    expect(seen(20, 10)[0].expectedMs(5, 190)).toBe(0);
    expect(seen(21, 10)[0].expectedMs(5, 200)).toBeCloseTo(60);
  });

  it.each([
    [0, 10],
    [1, 20],
    [99, 1_000],
  ])('expects %i calls in front and the one itself to take a pace each', (ahead, expectedMs) => {
    const [estimate, nowMs] = seen(100, 10);
    expect(estimate.expectedMs(ahead, nowMs)).toBeCloseTo(expectedMs);
  });

  it('expects nothing where all are admitted at once', () => {
    const [estimate, nowMs] = seen(100, 0);
    expect(estimate.expectedMs(1_000, nowMs)).toBe(0);
  });

  it('follows a pace that changes', () => {
    const [estimate, nowMs] = seen(100, 10);
    for (let index = 1; index <= 50; index += 1) estimate.admitted(nowMs + index * 100, true);
    const later = nowMs + 5_000;
    expect(estimate.expectedMs(0, later)).toBeGreaterThan(95);
    expect(estimate.expectedMs(0, later)).toBeLessThanOrEqual(100);
  });

  it('makes no difference between admissions one by one and many at once', () => {
    const estimate = new WaitEstimate();
    for (let turn = 0; turn < 50; turn += 1) {
      for (let index = 0; index < 10; index += 1) estimate.admitted(turn * 5, true);
      // In the middle of the crowd too.
      if (turn > 25) expect(estimate.expectedMs(99, turn * 5)).toBeGreaterThan(45);
      if (turn > 25) expect(estimate.expectedMs(99, turn * 5)).toBeLessThan(55);
    }
  });

  it('says nothing of a pace that is a second old', () => {
    const [estimate, nowMs] = seen(100, 10);
    expect(estimate.expectedMs(0, nowMs + 1_000)).toBeCloseTo(10);
    expect(estimate.expectedMs(0, nowMs + 1_001)).toBe(0);
  });

  it('begins anew after a pause', () => {
    const [estimate, nowMs] = seen(100, 10);
    const later = nowMs + 5_000;
    estimate.admitted(later, true);
    for (let index = 1; index < 20; index += 1) estimate.admitted(later + index * 50, true);
    expect(estimate.expectedMs(0, later + 950)).toBe(0);
    estimate.admitted(later + 1_000, true);
    expect(estimate.expectedMs(0, later + 1_000)).toBeCloseTo(50);
  });
});
