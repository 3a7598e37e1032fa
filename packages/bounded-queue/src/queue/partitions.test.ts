import { describe, expect, it } from 'vitest';
import { MAX_UNNAMED_KEYS, Partitions } from './partitions.js';

describe('Partitions', () => {
  it.each<[string, Record<string, number> | undefined, number, number]>([
    ['as much as any other without shares', undefined, 1, 1],
    ['as much as any other where nobody is named', {}, 1, 1],
    ['its own share, and others what is left over', { a: 0.75 }, 0.75, 0.25],
    ['its own share, and others the smallest where nothing is left over', { a: 0.7, b: 0.2, c: 0.1 }, 0.7, 0.1],
    ['nothing of what another name has', { constructor: 0.5 }, 0.5, 0.5],
  ])('weigh a key %s', (_what, shares, ofA, ofOthers) => {
    const partitions = new Partitions(shares);
    expect(partitions.of('a').weight).toBeCloseTo(ofA);
    expect(partitions.of('__proto__').weight).toBeCloseTo(ofOthers);
  });

  it('know a key while anything is counted under it', () => {
    const partitions = new Partitions(undefined);
    expect(partitions.of('a')).not.toBe(partitions.of('a'));
    const a = partitions.enter(partitions.of('a'));
    expect([partitions.of('a') === a, partitions.size]).toEqual([true, 1]);
    partitions.enter(a);
    partitions.leave(a);
    expect(partitions.size).toBe(1);
    partitions.leave(a);
    expect([partitions.of('a') === a, partitions.size]).toEqual([false, 0]);
  });

  it('count under one what was asked for before the key was known', () => {
    const partitions = new Partitions(undefined);
    const [one, other] = [partitions.of('a'), partitions.of('a')];
    expect(partitions.enter(one)).toBe(one);
    expect(partitions.enter(other)).toBe(one);
    expect(partitions.size).toBe(1);
  });

  it('tell a bounded number of keys apart, besides those with a share', () => {
    const partitions = new Partitions({ gold: 0.5 });
    const asked = partitions.of('asked early');
    const entered = Array.from({ length: 3 * MAX_UNNAMED_KEYS }, (_, index) =>
      partitions.enter(partitions.of(`${index}`)),
    );
    expect([partitions.size, new Set(entered).size]).toEqual([MAX_UNNAMED_KEYS, MAX_UNNAMED_KEYS + 1]);
    const common = entered.at(-1);
    expect(common).toMatchObject({ key: '(others)', weight: 0.5, held: 2 * MAX_UNNAMED_KEYS });
    expect(partitions.enter(asked)).toBe(common);
    expect(partitions.enter(partitions.of('gold'))).not.toBe(common);
    for (const each of entered) partitions.leave(each);
    expect(partitions.size).toBe(1);
    expect(partitions.of('2500')).not.toBe(common);
  });

  it('change weights at once, and what counts as named', () => {
    const partitions = new Partitions(undefined);
    const [a, b] = ['a', 'b'].map((key) => partitions.enter(partitions.of(key)));
    partitions.reweigh({ a: 0.8 });
    expect(a?.weight).toBe(0.8);
    expect(b?.weight).toBeCloseTo(0.2);
    for (const each of [a, b]) if (each !== undefined) partitions.leave(each);
    const many = Array.from({ length: MAX_UNNAMED_KEYS }, (_, index) => partitions.enter(partitions.of(`${index}`)));
    expect(new Set(many.map(({ key }) => key)).size).toBe(MAX_UNNAMED_KEYS);
    expect(partitions.of('one more').key).toBe('(others)');
  });
});
