import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberViews as members, type TestMember } from '@grpc-manifold/testing';
import { LeastStreamsPicker } from './least-streams.js';

describe('LeastStreamsPicker', () => {
  it('picks nobody when nobody has room', () => {
    expect(new LeastStreamsPicker().pick([])).toBeUndefined();
  });

  it.each([
    ['the only one', [7], 1],
    ['the one with the fewest', [3, 1, 2], 2],
    ['the first', [0, 1, 2], 1],
    ['the last', [2, 1, 0], 3],
  ])('picks %s', (_what, usedStreams, id) => {
    const picker = new LeastStreamsPicker();
    const all = members(...usedStreams);
    // From wherever its turn stands.
    for (let turn = 0; turn < 4; turn += 1) expect(picker.pick(all)?.id).toBe(id);
  });

  it.each([
    ['idle', 0],
    ['equally busy', 3],
  ])('goes round among those that are %s', (_what, used) => {
    const picker = new LeastStreamsPicker();
    const all = members(used, used, used, used);
    const picked = Array.from({ length: 8 }, () => picker.pick(all)?.id);
    expect(new Set(picked.slice(0, 4))).toEqual(new Set([1, 2, 3, 4]));
    expect(picked.slice(4)).toEqual(picked.slice(0, 4));
  });

  it('spreads a burst evenly, when each is counted in as it is picked', () => {
    const picker = new LeastStreamsPicker();
    const all = members(0, 0, 0, 0, 0, 0, 0);
    for (let call = 0; call < 700; call += 1) (picker.pick(all) as TestMember).usedStreams += 1;
    expect(all.map((member) => member.usedStreams)).toEqual([100, 100, 100, 100, 100, 100, 100]);
  });

  it('never picks one while another has fewer, however members come and go', () => {
    const step = fc.record({
      used: fc.array(fc.nat(5), { minLength: 1, maxLength: 12 }),
      picks: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const picker = new LeastStreamsPicker();
        for (const { used, picks } of steps) {
          const all = members(...used);
          for (let pick = 0; pick < picks; pick += 1) {
            const picked = picker.pick(all) as TestMember;
            expect(picked.usedStreams).toBe(Math.min(...all.map((member) => member.usedStreams)));
            picked.usedStreams += 1;
          }
        }
      }),
      { seed: 20_260_103, numRuns: 500 },
    );
  });
});
