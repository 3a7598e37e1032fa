import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberViews, seededRandom, type TestMember } from '@grpc-manifold/testing';
import { PowerOfTwoPicker } from './power-of-two.js';

describe('PowerOfTwoPicker', () => {
  it('picks nobody when nobody has room, and the only one', () => {
    const picker = new PowerOfTwoPicker(seededRandom(1));
    expect(picker.pick([])).toBeUndefined();
    expect(picker.pick(memberViews(7))?.id).toBe(1);
  });

  it('takes the one with fewer streams of two', () => {
    const picker = new PowerOfTwoPicker(seededRandom(1));
    const all = memberViews(3, 1);
    for (let turn = 0; turn < 50; turn += 1) expect(picker.pick(all)?.id).toBe(2);
  });

  it('never takes the one with the most streams, for it never draws the same one twice', () => {
    const picker = new PowerOfTwoPicker(seededRandom(1));
    const all = memberViews(1, 1, 9, 1, 1);
    for (let turn = 0; turn < 1_000; turn += 1) expect(picker.pick(all)?.id).not.toBe(3);
  });

  it('draws every pair', () => {
    const picker = new PowerOfTwoPicker(seededRandom(1));
    const all = memberViews(0, 1, 2, 3);
    const picks = Array.from({ length: 1_000 }, () => picker.pick(all)?.id);
    expect(new Set(picks)).toEqual(new Set([1, 2, 3]));
  });

  it('picks one of those it was given, whatever chance says', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 9 }), unit, unit, (used, first, second) => {
        const draws = [first, second];
        const picker = new PowerOfTwoPicker({ next: () => draws.shift() ?? 0 });
        const all = memberViews(...used);
        expect(all).toContain(picker.pick(all));
      }),
      { seed: 20_260_301, numRuns: 500 },
    );
  });

  it('spreads a burst nearly evenly, when each is counted in as it is picked', () => {
    const picker = new PowerOfTwoPicker(seededRandom(1));
    const all = memberViews(...Array<number>(16).fill(0));
    for (let call = 0; call < 1_600; call += 1) (picker.pick(all) as TestMember).usedStreams += 1;
    for (const { usedStreams } of all) expect(Math.abs(usedStreams - 100)).toBeLessThanOrEqual(3);
  });
});
