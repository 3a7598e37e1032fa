import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AttemptRate } from './attempt-rate.js';

it('lets so many attempts begin within a second, and tells when the next one may', () => {
  const rate = new AttemptRate(3);
  expect([0, 100, 200].map((nowMs) => rate.take(nowMs))).toEqual([0, 0, 0]);
  expect(rate.take(300)).toBe(700);
  expect(rate.take(999)).toBe(1);
  expect(rate.take(1_000)).toBe(0);
});

it('never lets more than twice as many begin within any second, and always tells a time that has room', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(700), { maxLength: 60 }), (max, pauses) => {
      const rate = new AttemptRate(max);
      const begun: number[] = [];
      let nowMs = 0;
      for (const pauseMs of pauses) {
        nowMs += pauseMs;
        const waitMs = rate.take(nowMs);
        if (waitMs > 0) expect(rate.take((nowMs += waitMs))).toBe(0);
        begun.push(nowMs);
      }
      for (const from of begun) {
        expect(begun.filter((each) => each >= from && each < from + 1_000).length).toBeLessThanOrEqual(2 * max);
      }
    }),
  );
});
