import type { ChannelView, PolicyReview, PoolView } from '@grpc-manifold/core';
import { poolView } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { maxAge, type MaxAgeOptions } from './max-age.js';

function review(view: PoolView, options: MaxAgeOptions = {}): PolicyReview {
  const given = { maxAgeMs: 10_000, jitterRatio: 0.1, drainTimeoutMs: 5_000, ...options };
  return maxAge(given).review?.(view, 0) as PolicyReview;
}

const aged = (ageMs: number, jitterFraction = 0): Partial<ChannelView> => ({ ageMs, jitterFraction });
const draining = (drainingMs: number): Partial<ChannelView> => ({ state: 'draining', ageMs: 99_000, drainingMs });

describe('maxAge', () => {
  it.each<[string, readonly Partial<ChannelView>[], readonly string[], number]>([
    ['there is none', [], [], Infinity],
    ['all are young', [aged(1_000), aged(3_000)], [], 7_000],
    ['one is nearly old', [aged(9_999)], [], 1],
    ['one is old', [aged(10_000)], ['rotate 1'], 1_000],
    ['one is old for its jitter fraction', [aged(9_500, 0.5)], ['rotate 1'], 1_000],
    ['one is not yet old for its jitter fraction', [aged(9_499, 0.5)], [], 1],
    ['lots differ', [aged(1_000, 0), aged(1_000, 0.9), aged(1_000, 0.5)], [], 8_100],
    [
      'several are old, longest overdue first',
      [aged(10_000), aged(12_000), aged(11_900, 0.5), aged(9_500)],
      ['rotate 3', 'rotate 2', 'rotate 1'],
      500,
    ],
    [
      'several are overdue for equally long, oldest first',
      [aged(10_000), aged(10_000)],
      ['rotate 1', 'rotate 2'],
      1_000,
    ],
    ['one drains', [draining(4_000), aged(0)], [], 1_000],
    ['one drains for too long', [draining(5_000), aged(0)], ['close 1'], 1_000],
    ['one is old and another drains for too long', [draining(9_000), aged(10_100)], ['close 1', 'rotate 2'], 1_000],
    [
      'what connects or has failed is old',
      (['connecting', 'failed'] as const).map((state) => ({ state, ageMs: 99_000, drainingMs: 99_000 })),
      [],
      Infinity,
    ],
  ])('decides when %s', (_when, channels, actions, nextReviewMs) => {
    const result = review(poolView({}, ...channels));
    expect(result.actions.map((action) => 'channelId' in action && `${action.kind} ${action.channelId}`)).toEqual(
      actions,
    );
    expect(result.nextReviewMs).toBeCloseTo(nextReviewMs, 6);
  });

  it.each<[string, number, readonly Partial<ChannelView>[], readonly string[]]>([
    ['it never had a call', 0, [{ ageMs: 10_000, idleMs: 10_003 }], ['close 1']],
    ['it has to stay', 1, [{ ageMs: 10_000, idleMs: 10_003 }], ['rotate 1']],
    [
      'one of three has to stay',
      1,
      [10_001, 10_003, 10_002].map((ageMs) => ({ ageMs, idleMs: ageMs })),
      ['close 2', 'close 3', 'rotate 1'],
    ],
    ['another is not ready yet', 1, [{ ageMs: 10_000, idleMs: 10_000 }, { state: 'connecting' }], ['rotate 1']],
    ['it had a call once', 0, [{ ageMs: 10_000, idleMs: 9_000 }], ['rotate 1']],
    ['it has its first call', 0, [{ ageMs: 10_000 }], ['rotate 1']],
  ])('closes what nobody used instead of replacing it: %s', (_when, minChannels, channels, actions) => {
    const result = review(poolView({ minChannels }, ...channels));
    expect(result.actions.map((action) => 'channelId' in action && `${action.kind} ${action.channelId}`)).toEqual(
      actions,
    );
  });

  it('says why', () => {
    expect(review(poolView({}, { ageMs: 10_000, idleMs: 10_000 })).actions).toEqual([
      { kind: 'close', channelId: 1, reason: '10000 ms old, and never used' },
    ]);
    expect(review(poolView({}, aged(10_000), draining(5_000.2))).actions).toEqual([
      { kind: 'close', channelId: 2, reason: 'its calls did not end within 5000 ms' },
      { kind: 'rotate', channelId: 1, reason: '10000 ms old' },
    ]);
  });

  it('goes after half an hour by default, up to a tenth sooner, and lets calls finish for another', () => {
    const policy = maxAge();
    expect(policy.name).toBe('maxAge');
    const at = (...channels: Partial<ChannelView>[]): unknown => policy.review?.(poolView({}, ...channels), 0);
    expect(at(aged(1_799_999))).toEqual({ actions: [], nextReviewMs: 1 });
    expect(at(aged(1_619_999, 0.999_999_999))).toMatchObject({ actions: [] });
    expect(at(aged(1_620_001, 0.999_999_999))).toMatchObject({ actions: [{ kind: 'rotate' }] });
    expect(at(draining(1_799_999))).toEqual({ actions: [], nextReviewMs: 1 });
  });

  it('decides the same at every look: the jitter fraction of a connection stays', () => {
    const decisions = [0, 1, 2].map(() => review(poolView({}, aged(9_500, 0.4), aged(9_500, 0.6))));
    expect(decisions.map(({ actions }) => actions)).toEqual(
      decisions.map(() => [expect.objectContaining({ channelId: 2 })]),
    );
  });

  it.each([
    [{ maxAgeMs: Infinity, drainTimeoutMs: Infinity }, [aged(1e12, 0.9), draining(1e12)]],
    [{ maxAgeMs: Infinity, jitterRatio: 1 }, [aged(1e12), aged(1e12, 0.999_999)]],
  ])('never acts with %o', (options, channels) => {
    expect(review(poolView({}, ...channels), options)).toEqual({ actions: [], nextReviewMs: Infinity });
  });

  it.each([
    [{ maxAgeMs: 0 }, RangeError, 'maxAgeMs must be a number of at least 1, or Infinity, got 0'],
    [{ jitterRatio: 1.1 }, RangeError, 'jitterRatio must be a number from 0 to 1, got 1.1'],
    [{ jitterRatio: -0.1 }, RangeError, 'jitterRatio must be a number from 0 to 1, got -0.1'],
    [{ drainTimeoutMs: 0 }, RangeError, 'drainTimeoutMs must be a number of at least 1, or Infinity, got 0'],
    [{ maxAgeMs: '1' }, TypeError, `maxAgeMs must be a number of at least 1, or Infinity, got '1'`],
    [{ ageMs: 1 }, TypeError, `unknown option 'ageMs'; known are maxAgeMs, jitterRatio, drainTimeoutMs`],
    [[], TypeError, 'options must be an object, got []'],
  ])('refuses %j', (options, kind, words) => {
    const make = (): unknown => maxAge(options as MaxAgeOptions);
    expect(make).toThrow(kind);
    expect(make).toThrow(`maxAge: ${words}`);
  });
});
