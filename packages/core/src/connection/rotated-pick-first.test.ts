import { experimental } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { registerRotatedPickFirst, rotated, ROTATED_PICK_FIRST } from './rotated-pick-first.js';

describe('rotated', () => {
  it.each([
    [0, ['a', 'b', 'c']],
    [1, ['b', 'c', 'a']],
    [2, ['c', 'a', 'b']],
    [3, ['a', 'b', 'c']],
    [7, ['b', 'c', 'a']],
  ])('begins at place %i', (offset, expected) => {
    expect(rotated(['a', 'b', 'c'], offset)).toEqual(expected);
  });

  it('returns an empty list for an empty list', () => {
    expect(rotated([], 3)).toEqual([]);
  });
});

describe('registerRotatedPickFirst', () => {
  it('registers the policy with grpc-js, and may be called repeatedly', () => {
    expect([registerRotatedPickFirst(), registerRotatedPickFirst()]).toEqual([true, true]);
    const config = { [ROTATED_PICK_FIRST]: { offset: 2 } };
    expect(experimental.parseLoadBalancingConfig(config).toJsonObject()).toEqual(config);
  });

  it('refuses a config without an offset', () => {
    registerRotatedPickFirst();
    expect(() => experimental.parseLoadBalancingConfig({ [ROTATED_PICK_FIRST]: {} })).toThrow(
      'offset must be a whole number, got undefined',
    );
  });
});
