import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { growthReason, neededChannels, type Idleness, type Load } from './scaling.js';

const QUIET: Load = {
  minChannels: 1,
  maxChannels: 4,
  growAtRatio: 0.9,
  liveChannels: 2,
  usedStreams: 0,
  capacity: 200,
  queuedCalls: 0,
};

describe('growthReason', () => {
  it.each<[string, Partial<Load>, string | undefined]>([
    ['nothing runs', {}, undefined],
    ['there is plenty of room', { usedStreams: 179 }, undefined],
    ['the ratio is reached', { usedStreams: 180 }, '180 of 200 streams in use, 0 calls wait (growAtRatio 0.9)'],
    ['all are full', { usedStreams: 200 }, '200 of 200 streams in use, 0 calls wait (growAtRatio 0.9)'],
    [
      'a server lowered its limit below what runs',
      { usedStreams: 200, capacity: 20 },
      '200 of 20 streams in use, 0 calls wait (growAtRatio 0.9)',
    ],
    ['calls wait for something else than room', { queuedCalls: 3 }, undefined],
    [
      'those in flight and those that wait reach the ratio',
      { queuedCalls: 30, usedStreams: 150 },
      '150 of 200 streams in use, 30 calls wait (growAtRatio 0.9)',
    ],
    [
      'those that wait reach it alone',
      { queuedCalls: 180 },
      '0 of 200 streams in use, 180 calls wait (growAtRatio 0.9)',
    ],
    [
      'calls wait and all are full',
      { queuedCalls: 3, usedStreams: 200 },
      '200 of 200 streams in use, 3 calls wait (growAtRatio 0.9)',
    ],
    [
      'calls wait with no connection',
      { queuedCalls: 3, minChannels: 0, liveChannels: 0, capacity: 0 },
      '0 of 0 streams in use, 3 calls wait (growAtRatio 0.9)',
    ],
    ['there are too few', { minChannels: 3 }, 'fewer than minChannels 3'],
    ['there are too few and calls wait', { minChannels: 3, queuedCalls: 3 }, 'fewer than minChannels 3'],
    ['there is none and none is wanted', { minChannels: 0, liveChannels: 0, capacity: 0 }, undefined],
    ['there are as many as there may be', { liveChannels: 4, queuedCalls: 3, usedStreams: 200 }, undefined],
    ['there are more than there may be', { liveChannels: 5, queuedCalls: 3 }, undefined],
    ['a fixed number is complete', { minChannels: 2, maxChannels: 2, usedStreams: 200 }, undefined],
    ['connections carry one stream each', { capacity: 2, usedStreams: 1, growAtRatio: 1 }, undefined],
    [
      'connections carry one stream each, and all do',
      { capacity: 2, usedStreams: 2, growAtRatio: 1 },
      '2 of 2 streams in use, 0 calls wait (growAtRatio 1)',
    ],
    ['the ratio is small, and nothing runs', { growAtRatio: 0.01 }, undefined],
    ['the server allows no streams and nothing runs', { capacity: 0 }, undefined],
  ])('when %s', (_when, load, reason) => {
    expect(growthReason({ ...QUIET, ...load })).toBe(reason);
  });
});

describe('neededChannels', () => {
  const FULL: Idleness = { minChannels: 1, growAtRatio: 0.9, liveChannels: 4, capacity: 400, peakStreams: 400 };

  it.each<[string, Partial<Idleness>, number]>([
    ['all were full', {}, 4],
    ['nothing ran', { peakStreams: 0 }, 1],
    ['nothing ran and none is kept', { peakStreams: 0, minChannels: 0 }, 0],
    ['one call ran and none is kept', { peakStreams: 1, minChannels: 0 }, 1],
    // 100 streams × 0.9 × 0.75 on each.
    ['two would just have been enough', { peakStreams: 135 }, 2],
    ['two would not quite have been enough', { peakStreams: 136 }, 3],
    ['fewer would have been enough than are kept', { peakStreams: 10, minChannels: 3 }, 3],
    ['there are as many as are kept', { peakStreams: 0, minChannels: 4 }, 4],
    ['there are fewer than are kept', { peakStreams: 0, minChannels: 8 }, 4],
    ['more ran and waited than there is room for', { peakStreams: 4_000 }, 4],
    ['the servers allow no streams', { capacity: 0, peakStreams: 0 }, 4],
    ['there is none', { liveChannels: 0, capacity: 0, peakStreams: 0, minChannels: 0 }, 0],
    ['connections carry one stream each', { capacity: 4, peakStreams: 2 }, 3],
  ])('when %s', (_when, idleness, needed) => {
    expect(neededChannels({ ...FULL, ...idleness })).toBe(needed);
  });

  it('never asks for so few that their load would open another', () => {
    const idleness = fc.record({
      minChannels: fc.nat(5),
      growAtRatio: fc.double({ min: 0.01, max: 1, noNaN: true }),
      liveChannels: fc.integer({ min: 1, max: 20 }),
      peakStreams: fc.nat(2_000),
    });
    fc.assert(
      fc.property(idleness, fc.integer({ min: 1, max: 1_000 }), (given, streamsPerChannel) => {
        const capacity = given.liveChannels * streamsPerChannel;
        const needed = neededChannels({ ...given, capacity });
        expect(needed).toBeLessThanOrEqual(given.liveChannels);
        if (needed === given.liveChannels) return;
        const load = {
          ...given,
          maxChannels: Infinity,
          liveChannels: needed,
          usedStreams: given.peakStreams,
          capacity: needed * streamsPerChannel,
          queuedCalls: 0,
        };
        expect(growthReason(load)).toBeUndefined();
      }),
      { seed: 20_260_302, numRuns: 1_000 },
    );
  });
});
