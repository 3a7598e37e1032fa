import type { ChannelView, PolicyReview, PoolView } from '@grpc-manifold/core';
import { poolView } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { idleClose, type IdleCloseOptions } from './idle-close.js';

const TIMEOUT_MS = 10_000;

function review(view: PoolView, options: IdleCloseOptions = {}): PolicyReview {
  return idleClose({ idleTimeoutMs: TIMEOUT_MS, ...options }).review?.(view, 0) as PolicyReview;
}

/** The actions in short: 'close 1'. */
function decided(view: PoolView, options?: IdleCloseOptions): string[] {
  return review(view, options).actions.map((action) =>
    'channelId' in action ? `${action.kind} ${action.channelId}` : action.kind,
  );
}

const busy: Partial<ChannelView> = {};
const idle = (idleMs: number): Partial<ChannelView> => ({ idleMs });
const ejected: Partial<ChannelView> = { state: 'failed', isEjected: true, ageMs: 60_000 };
const inState = (state: ChannelView['state']): Partial<ChannelView> => ({ state, idleMs: 0 });

interface Row {
  readonly channels: readonly Partial<ChannelView>[];
  readonly minChannels?: number;
  readonly maxIdleChannels?: number;
  readonly actions: readonly string[];
  readonly nextReviewMs: number;
}

describe('idleClose', () => {
  it.each<[string, Row]>([
    ['there is none', { channels: [], actions: [], nextReviewMs: Infinity }],
    ['all are busy', { channels: [busy, busy], actions: [], nextReviewMs: 10_000 }],
    ['one is not idle for long enough', { channels: [idle(9_999)], actions: [], nextReviewMs: 1 }],
    ['the next comes due', { channels: [idle(2_000), idle(3_000), busy], actions: [], nextReviewMs: 7_000 }],
    ['one is idle for long enough', { channels: [idle(10_000)], actions: ['close 1'], nextReviewMs: 10_000 }],
    ['one has come due before', { channels: [idle(25_000)], actions: ['close 1'], nextReviewMs: 10_000 }],
    [
      'several are, longest idle first',
      {
        channels: [idle(11_000), busy, idle(13_000), idle(12_000)],
        actions: ['close 3', 'close 4', 'close 1'],
        nextReviewMs: 10_000,
      },
    ],
    [
      'they are idle for equally long, oldest first',
      { channels: [idle(11_000), idle(11_000), idle(9_000)], actions: ['close 1', 'close 2'], nextReviewMs: 1_000 },
    ],
    [
      'one has to stay, verified',
      { channels: [idle(10_000)], minChannels: 1, actions: ['verify 1'], nextReviewMs: 10_000 },
    ],
    [
      'one of three has to stay, the one that was used last',
      {
        channels: [idle(11_000), idle(13_000), idle(12_000)],
        minChannels: 1,
        actions: ['close 2', 'close 3', 'verify 1'],
        nextReviewMs: 10_000,
      },
    ],
    [
      'busy ones are enough',
      { channels: [idle(11_000), busy, busy], minChannels: 2, actions: ['close 1'], nextReviewMs: 10_000 },
    ],
    [
      'others connect, drain or have failed, and it has to stay',
      {
        channels: [idle(11_000), inState('connecting'), inState('draining'), inState('failed')],
        minChannels: 1,
        actions: ['verify 1'],
        nextReviewMs: 10_000,
      },
    ],
    [
      'there are fewer than have to stay',
      { channels: [idle(11_000)], minChannels: 3, actions: ['verify 1'], nextReviewMs: 10_000 },
    ],
    [
      'one is ejected, which no call may ever bring back',
      {
        channels: [idle(9_000), { ...idle(12_000), ...ejected }],
        minChannels: 1,
        actions: ['close 2'],
        nextReviewMs: 1_000,
      },
    ],
    [
      'one is ejected that has to stay',
      {
        channels: [busy, { ...idle(12_000), ...ejected }],
        minChannels: 2,
        actions: ['verify 2'],
        nextReviewMs: 10_000,
      },
    ],
    ['one is ejected and has calls from before', { channels: [ejected], actions: [], nextReviewMs: 10_000 }],
    [
      'what drains, connects or has failed was idle for long',
      {
        channels: (['draining', 'connecting', 'failed'] as const).map((state) => ({ state, idleMs: 99_000 })),
        actions: [],
        nextReviewMs: Infinity,
      },
    ],
    [
      'more are idle than may be, for a second',
      {
        channels: [idle(1_000), idle(3_000), idle(2_000)],
        maxIdleChannels: 1,
        actions: ['close 2', 'close 3'],
        nextReviewMs: 9_000,
      },
    ],
    [
      'more are idle than may be, for a moment',
      { channels: [idle(5), idle(300), idle(200)], maxIdleChannels: 1, actions: [], nextReviewMs: 700 },
    ],
    [
      'as many are idle as may be',
      { channels: [idle(5_000), idle(6_000)], maxIdleChannels: 2, actions: [], nextReviewMs: 4_000 },
    ],
    [
      'busy ones may soon be too many',
      { channels: [busy, busy, idle(5_000)], maxIdleChannels: 2, actions: [], nextReviewMs: 1_000 },
    ],
    [
      'none may be idle',
      { channels: [idle(1_000), busy], maxIdleChannels: 0, actions: ['close 1'], nextReviewMs: 1_000 },
    ],
    [
      'too many are idle and have to stay',
      { channels: [idle(5_000), idle(6_000)], maxIdleChannels: 0, minChannels: 2, actions: [], nextReviewMs: 4_000 },
    ],
    [
      'too many are idle and one has to stay',
      {
        channels: [idle(5_000), idle(6_000)],
        maxIdleChannels: 0,
        minChannels: 1,
        actions: ['close 2'],
        nextReviewMs: 5_000,
      },
    ],
  ])('decides when %s', (_when, { channels, minChannels = 0, maxIdleChannels = Infinity, actions, nextReviewMs }) => {
    const view = poolView({ minChannels }, ...channels);
    expect(decided(view, { maxIdleChannels })).toEqual(actions);
    expect(review(view, { maxIdleChannels }).nextReviewMs).toBe(nextReviewMs);
  });

  it('says why', () => {
    const view = poolView({ minChannels: 1 }, idle(10_000.4), idle(10_000));
    expect(review(view).actions).toEqual([
      { kind: 'close', channelId: 1, reason: 'no call for 10000 ms' },
      { kind: 'verify', channelId: 2, reason: 'no call for 10000 ms, kept for minChannels' },
    ]);
  });

  it('closes after five minutes by default, however many are idle', () => {
    const policy = idleClose();
    expect(policy.name).toBe('idleClose');
    expect(policy.channelOptions).toBeUndefined();
    const view = poolView({}, ...Array.from({ length: 10 }, () => idle(299_999)));
    expect(policy.review?.(view, 0)).toEqual({ actions: [], nextReviewMs: 1 });
  });

  it('never closes for time alone when the timeout is off', () => {
    expect(review(poolView({}, idle(1e9), idle(2e9)), { idleTimeoutMs: Infinity })).toEqual({
      actions: [],
      nextReviewMs: Infinity,
    });
    expect(decided(poolView({}, idle(1e9), idle(2e9)), { idleTimeoutMs: Infinity, maxIdleChannels: 1 })).toEqual([
      'close 2',
    ]);
  });

  it('does not wait a second for what is too much when the timeout is shorter', () => {
    const options = { idleTimeoutMs: 100, maxIdleChannels: 0 };
    expect(decided(poolView({}, idle(100)), options)).toEqual(['close 1']);
    expect(review(poolView({}, idle(40)), options).nextReviewMs).toBe(60);
  });

  it.each([
    [{ idleTimeoutMs: 0 }, RangeError, 'idleTimeoutMs must be a number of at least 1, or Infinity, got 0'],
    [{ idleTimeoutMs: NaN }, RangeError, 'idleTimeoutMs must be a number of at least 1, or Infinity, got NaN'],
    [{ idleTimeoutMs: '1' }, TypeError, `idleTimeoutMs must be a number of at least 1, or Infinity, got '1'`],
    [{ maxIdleChannels: -1 }, RangeError, 'maxIdleChannels must be a number of at least 0, or Infinity, got -1'],
    [
      { maxIdleChannels: 0.5 },
      RangeError,
      'maxIdleChannels must be a whole number of at least 0, or Infinity, got 0.5',
    ],
    [{ timeoutMs: 1 }, TypeError, `unknown option 'timeoutMs'; known are idleTimeoutMs, maxIdleChannels`],
    [null, TypeError, 'options must be an object, got null'],
  ])('refuses %j', (options, kind, words) => {
    const make = (): unknown => idleClose(options as IdleCloseOptions);
    expect(make).toThrow(kind);
    expect(make).toThrow(`idleClose: ${words}`);
  });
});
