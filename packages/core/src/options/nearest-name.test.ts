import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.js';

const KNOWN = ['minChannels', 'maxChannels', 'maxDrainingChannels', 'idleTimeoutMs', 'volumeThreshold', 'picker'];

describe('nearestName', () => {
  it.each([
    ['maxChannel', 'maxChannels'],
    ['maxchannels', 'maxChannels'],
    ['maxChanels', 'maxChannels'],
    ['mxaChannels', 'maxChannels'],
    ['idleTimeout', 'idleTimeoutMs'],
    ['timeoutMs', 'idleTimeoutMs'],
    ['volume', 'volumeThreshold'],
    ['pick', 'picker'],
  ])('takes %s for %s', (name, nearest) => {
    expect(nearestName(name, KNOWN)).toBe(nearest);
  });

  it.each([['keepalive'], ['channels'], [''], ['x'], ['x'.repeat(1_000)]])('takes %s for none of them', (name) => {
    expect(nearestName(name, KNOWN)).toBeUndefined();
  });

  it('finds each name with one letter added, removed or changed', () => {
    const names = fc.constantFrom(...KNOWN);
    fc.assert(
      fc.property(names, fc.nat(), fc.constantFrom('q', ''), fc.boolean(), (name, at, letter, replaces) => {
        const place = at % name.length;
        const mistyped = name.slice(0, place) + letter + name.slice(place + (replaces || letter === '' ? 1 : 0));
        expect(nearestName(mistyped, KNOWN)).toBe(name);
      }),
    );
  });
});
