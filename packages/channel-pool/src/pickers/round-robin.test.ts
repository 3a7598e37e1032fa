import { describe, expect, it } from 'vitest';
import { memberViews } from '@grpc-manifold/testing';
import { RoundRobinPicker } from './round-robin.js';

describe('RoundRobinPicker', () => {
  it('picks nobody when nobody has room', () => {
    expect(new RoundRobinPicker().pick([])).toBeUndefined();
  });

  it('goes round, whatever they carry', () => {
    const picker = new RoundRobinPicker();
    const all = memberViews(9, 0, 5);
    expect(Array.from({ length: 7 }, () => picker.pick(all)?.id)).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  it('goes on when members come and go', () => {
    const picker = new RoundRobinPicker();
    const all = memberViews(0, 0, 0, 0);
    expect([picker.pick(all)?.id, picker.pick(all)?.id, picker.pick(all)?.id]).toEqual([1, 2, 3]);
    const fewer = all.slice(0, 2);
    expect([picker.pick(fewer)?.id, picker.pick(fewer)?.id]).toEqual([1, 2]);
    expect(picker.pick([])).toBeUndefined();
    expect([3, 4, 1].map(() => picker.pick(all)?.id)).toEqual([3, 4, 1]);
  });
});
