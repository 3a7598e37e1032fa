import { describe, expect, it } from 'vitest';
import { Affinity, MAX_AFFINITY_KEYS } from './affinity.js';

describe('Affinity', () => {
  it('knows nobody at first', () => {
    expect(new Affinity<string>().get('key')).toBeUndefined();
  });

  it('gives the member that a key was bound to, until it is bound to another', () => {
    const affinity = new Affinity<string>();
    affinity.bind('a', 'one');
    affinity.bind('b', 'two');
    expect([affinity.get('a'), affinity.get('b'), affinity.get('a')]).toEqual(['one', 'two', 'one']);
    affinity.bind('a', 'two');
    expect(affinity.get('a')).toBe('two');
    expect(affinity.size).toBe(2);
  });

  it('remembers no more keys than it may, and forgets the one that was used longest ago', () => {
    const affinity = new Affinity<string>(3);
    for (const key of ['a', 'b', 'c']) affinity.bind(key, 'one');
    affinity.get('a');
    affinity.bind('b', 'two');
    affinity.bind('d', 'one');
    expect(affinity.size).toBe(3);
    expect(['a', 'b', 'c', 'd'].map((key) => affinity.get(key))).toEqual(['one', 'two', undefined, 'one']);
  });

  it('does not take a question for a key that it does not know as a use', () => {
    const affinity = new Affinity<string>(1);
    affinity.bind('a', 'one');
    affinity.get('b');
    expect(affinity.get('a')).toBe('one');
  });

  it('is bounded by 10,000 keys unless told otherwise', () => {
    const affinity = new Affinity<string>();
    for (let key = 0; key < 25_000; key += 1) affinity.bind(`${key}`, 'one');
    expect(MAX_AFFINITY_KEYS).toBe(10_000);
    expect(affinity.size).toBe(MAX_AFFINITY_KEYS);
    expect([affinity.get('14999'), affinity.get('15000')]).toEqual([undefined, 'one']);
  });

  it('forgets the keys of a member that is gone, and no others', () => {
    const affinity = new Affinity<object>();
    const [one, two] = [{}, {}];
    affinity.bind('a', one);
    affinity.bind('b', two);
    affinity.bind('c', one);
    affinity.release(one);
    expect([affinity.get('a'), affinity.get('b'), affinity.get('c')]).toEqual([undefined, two, undefined]);
    expect(affinity.size).toBe(1);
    affinity.release(one);
    expect(affinity.size).toBe(1);
  });
});
