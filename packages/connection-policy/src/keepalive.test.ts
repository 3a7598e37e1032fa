import type { ChannelView, PolicyReview, PoolView } from '@grpc-manifold/core';
import { channelView, poolView } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { keepalive, type KeepaliveOptions } from './keepalive.js';
import { KEEPALIVE_PRESET_NAMES, KEEPALIVE_PRESETS } from './keepalive-preset.js';

const TIME_MS = 10_000;

function review(view: PoolView, options: KeepaliveOptions = {}): PolicyReview {
  return keepalive({ timeMs: TIME_MS, timeoutMs: 2_000, ...options }).review?.(view, 0) as PolicyReview;
}

/** The actions in short: 'ping 1', 'set-keepalive 10000'. */
function decided(view: PoolView, options?: KeepaliveOptions): string[] {
  return review(view, options).actions.map(
    (action) => `${action.kind} ${'channelId' in action ? action.channelId : action.timeMs}`,
  );
}

/** A connection with calls, nothing heard of for so long. */
const silent = (silentMs: number, given: Partial<ChannelView> = {}): Partial<ChannelView> => ({ silentMs, ...given });
const idle = (silentMs: number, given: Partial<ChannelView> = {}): Partial<ChannelView> =>
  silent(silentMs, { idleMs: silentMs, ...given });
const pinging = (pingedMs: number): Partial<ChannelView> =>
  silent(TIME_MS + pingedMs, { pingedMs, pings: 1, isPinging: true, keepaliveTimeMs: TIME_MS });

interface Row {
  readonly channels: readonly Partial<ChannelView>[];
  readonly withoutCalls?: boolean;
  readonly actions: readonly string[];
  readonly nextReviewMs: number;
}

describe('keepalive', () => {
  describe('once the interval is set', () => {
    it.each<[string, Row]>([
      ['there is none', { channels: [], actions: [], nextReviewMs: Infinity }],
      ['none has been silent for long', { channels: [silent(2_000), silent(3_000)], actions: [], nextReviewMs: 7_000 }],
      ['one has been silent for nearly long enough', { channels: [silent(9_999)], actions: [], nextReviewMs: 1 }],
      [
        'one has been silent for long enough',
        { channels: [silent(10_000)], actions: ['ping 1'], nextReviewMs: 10_000 },
      ],
      [
        'one has been silent, another may be soon',
        { channels: [silent(10_000), silent(8_000)], actions: ['ping 1'], nextReviewMs: 2_000 },
      ],
      [
        'another comes due soon after',
        { channels: [silent(10_000), silent(9_900)], actions: ['ping 1'], nextReviewMs: 500 },
      ],
      [
        'several have been silent, the most silent one first',
        {
          channels: [silent(10_000), silent(10_002), silent(10_001), silent(0)],
          actions: ['ping 2'],
          nextReviewMs: 250,
        },
      ],
      [
        'they have been silent for equally long, the oldest first',
        { channels: [silent(10_000), silent(10_000)], actions: ['ping 1'], nextReviewMs: 500 },
      ],
      [
        'there are many: the last is pinged within a second',
        { channels: Array.from({ length: 20 }, () => silent(10_000)), actions: ['ping 1'], nextReviewMs: 50 },
      ],
      ['another was pinged just now', { channels: [silent(10_300), pinging(300)], actions: [], nextReviewMs: 200 }],
      [
        'another was pinged just now, and answered',
        { channels: [silent(10_300), silent(299, { pingedMs: 300 })], actions: [], nextReviewMs: 200 },
      ],
      [
        'another was pinged a second ago',
        { channels: [silent(11_000), pinging(1_000)], actions: ['ping 1'], nextReviewMs: 10_000 },
      ],
      [
        'it was pinged within the interval and is silent for longer',
        { channels: [silent(12_000, { pingedMs: 4_000 })], actions: [], nextReviewMs: 6_000 },
      ],
      [
        'it was pinged long ago',
        { channels: [silent(10_000, { pingedMs: 10_001, pings: 3 })], actions: ['ping 1'], nextReviewMs: 10_000 },
      ],
      ['its answer is still to come', { channels: [pinging(15_000)], actions: [], nextReviewMs: 10_000 }],
      ['it drains', { channels: [silent(10_000, { state: 'draining' })], actions: ['ping 1'], nextReviewMs: 10_000 }],
      [
        'it drains without calls',
        { channels: [idle(10_000, { state: 'draining' })], actions: [], nextReviewMs: Infinity },
      ],
      [
        'it gets no calls but has some left',
        {
          channels: [silent(10_000, { state: 'failed', isEjected: true, ageMs: 60_000 })],
          actions: ['ping 1'],
          nextReviewMs: 10_000,
        },
      ],
      [
        'it is ejected, without calls: the one that tries it may come',
        {
          channels: [idle(10_000, { state: 'failed', isEjected: true, ageMs: 60_000 })],
          actions: ['verify 1'],
          nextReviewMs: 10_000,
        },
      ],
      [
        'it is not connected',
        {
          channels: (['connecting', 'failed', 'closed'] as const).map((state) => idle(99_000, { state })),
          withoutCalls: true,
          actions: [],
          nextReviewMs: Infinity,
        },
      ],
      ['only grpc-js can ping', { channels: [silent(10_000, { canPing: false })], actions: [], nextReviewMs: 10_000 }],
      ['it has no calls', { channels: [idle(9_000)], actions: [], nextReviewMs: 1_000 }],
      ['it had none for long', { channels: [idle(10_000)], actions: ['verify 1'], nextReviewMs: 10_000 }],
      [
        'it had none for long and only grpc-js can ping',
        { channels: [idle(10_000, { canPing: false })], actions: ['verify 1'], nextReviewMs: 10_000 },
      ],
      [
        'it had none for long and is to be pinged nevertheless',
        { channels: [idle(10_000)], withoutCalls: true, actions: ['ping 1'], nextReviewMs: 10_000 },
      ],
      [
        'it drains without calls and is to be pinged nevertheless',
        {
          channels: [idle(10_000, { state: 'draining' })],
          withoutCalls: true,
          actions: ['ping 1'],
          nextReviewMs: 10_000,
        },
      ],
      [
        'verifying goes on beside a ping',
        {
          channels: [idle(10_000), silent(10_000), idle(12_000)],
          actions: ['verify 1', 'verify 3', 'ping 2'],
          nextReviewMs: 10_000,
        },
      ],
      [
        'a verification comes due while pings wait for each other',
        { channels: [silent(10_000), silent(10_000), idle(9_800)], actions: ['ping 1'], nextReviewMs: 200 },
      ],
    ])('decides when %s', (_when, { channels, withoutCalls = false, actions, nextReviewMs }) => {
      const view = poolView({ keepaliveTimeMs: TIME_MS }, ...channels);
      expect(decided(view, { withoutCalls })).toEqual(actions);
      expect(review(view, { withoutCalls }).nextReviewMs).toBe(nextReviewMs);
    });

    it('goes by what is in force, not by what it was made with', () => {
      const view = poolView({ keepaliveTimeMs: 300_000 }, silent(299_000));
      expect(review(view)).toEqual({ actions: [], nextReviewMs: 1_000 });
    });

    it('says why, and how long to wait for the answer', () => {
      const view = poolView({ keepaliveTimeMs: TIME_MS }, silent(10_000.4), idle(11_000));
      expect(review(view).actions).toEqual([
        { kind: 'verify', channelId: 2, reason: 'silent for 11000 ms without calls' },
        { kind: 'ping', channelId: 1, reason: 'silent for 10000 ms', timeoutMs: 2_000 },
      ]);
    });
  });

  describe('the interval', () => {
    it('is set at the first look, with the first pings', () => {
      expect(decided(poolView())).toEqual(['set-keepalive 10000']);
      expect(decided(poolView({}, silent(10_000)))).toEqual(['set-keepalive 10000', 'ping 1']);
    });

    it.each([
      [10_000, 1, 300_000],
      [149_999, 1, 300_000],
      [200_000, 2, 400_000],
      [300_000, 1, 600_000],
      [2_000_000_000, 1, 2_147_483_647],
    ])(
      'goes from %d to what servers permit or to its double, after a strike',
      (keepaliveTimeMs, pingStrikes, timeMs) => {
        expect(review(poolView({ keepaliveTimeMs, pingStrikes })).actions).toEqual([
          {
            kind: 'set-keepalive',
            timeMs,
            reason: `${pingStrikes} closed with too_many_pings at one in ${keepaliveTimeMs} ms`,
          },
        ]);
      },
    );

    it('holds at once: what was due by the old one is not pinged any more', () => {
      const view = poolView({ keepaliveTimeMs: TIME_MS, pingStrikes: 1 }, silent(10_000), idle(20_000));
      expect(review(view)).toMatchObject({ actions: [{ kind: 'set-keepalive' }], nextReviewMs: 280_000 });
    });

    it('has those replaced that had pinged more often, until there are none', () => {
      const hasPinged = silent(5_000, { pings: 2, pingedMs: 6_000, keepaliveTimeMs: TIME_MS });
      const channels = [
        hasPinged,
        silent(5_000),
        silent(5_000, { canPing: false, keepaliveTimeMs: TIME_MS }),
        silent(5_000, { pings: 1, pingedMs: 6_000, keepaliveTimeMs: 300_000 }),
        { ...hasPinged, state: 'draining' as const },
        { ...hasPinged, state: 'failed' as const },
      ];
      const struck = poolView({ keepaliveTimeMs: TIME_MS, pingStrikes: 1 }, ...channels);
      expect(decided(struck)).toEqual(['set-keepalive 300000', 'rotate 1', 'rotate 3']);
      expect(review(struck).nextReviewMs).toBe(1_000);
      const later = poolView({ keepaliveTimeMs: 300_000 }, ...channels);
      expect(decided(later)).toEqual(['rotate 1', 'rotate 3']);
      expect(review(later).actions[0]).toEqual({
        kind: 'rotate',
        channelId: 1,
        reason: 'it has pinged as often as once in 10000 ms',
      });
    });
  });

  it('pings each silent connection once an interval, spread over time', () => {
    const connections = Array.from({ length: 4 }, () => ({ heardMs: 0, pingedMs: -Infinity, answersMs: Infinity }));
    const pings: { readonly id: number; readonly atMs: number }[] = [];
    for (let nowMs = 0; nowMs < 60_000;) {
      for (const connection of connections) {
        if (connection.answersMs > nowMs) continue;
        connection.heardMs = connection.answersMs;
        connection.answersMs = Infinity;
      }
      const channels = connections.map(({ heardMs, pingedMs, answersMs }, index) =>
        channelView(index + 1, {
          silentMs: nowMs - heardMs,
          pingedMs: nowMs - pingedMs,
          isPinging: answersMs !== Infinity,
        }),
      );
      const { actions, nextReviewMs } = review({ ...poolView({ keepaliveTimeMs: TIME_MS }), channels });
      for (const action of actions) {
        if (action.kind !== 'ping') throw new Error(`it asked for ${action.kind}`);
        pings.push({ id: action.channelId, atMs: nowMs });
        Object.assign(connections[action.channelId - 1] as object, { pingedMs: nowMs, answersMs: nowMs + 3 });
      }
      nowMs += nextReviewMs;
    }
    expect(pings.slice(0, 5)).toEqual([
      { id: 1, atMs: 10_000 },
      { id: 2, atMs: 10_250 },
      { id: 3, atMs: 10_500 },
      { id: 4, atMs: 10_750 },
      { id: 1, atMs: 20_003 },
    ]);
    expect(pings.length).toBe(20);
    const gaps = pings.slice(1).map(({ atMs }, index) => atMs - (pings[index] as { atMs: number }).atMs);
    expect(Math.min(...gaps)).toBe(250);
  });

  describe('presets', () => {
    it.each([
      ['server-default', 300_000],
      ['aws-nlb', 300_000],
      ['azure-lb', 180_000],
      ['gcp', 300_000],
    ] as const)('%s pings connections with calls after %d ms', (preset, timeMs) => {
      const { channelOptions, review: look } = keepalive({ preset });
      expect(channelOptions?.()).toEqual({
        'grpc.keepalive_time_ms': timeMs,
        'grpc.keepalive_timeout_ms': 20_000,
        'grpc.keepalive_permit_without_calls': 0,
      });
      expect(look?.(poolView(), 0).actions).toEqual([
        { kind: 'set-keepalive', timeMs, reason: 'as keepalive() was told' },
      ]);
    });

    it.each([
      ['aws-nlb', 350_000],
      ['azure-lb', 240_000],
      ['gcp', 600_000],
    ] as const)('%s has its answer before a flow is forgotten after %d ms', (preset, forgottenMs) => {
      const { timeMs, timeoutMs } = KEEPALIVE_PRESETS[preset];
      expect(timeMs + timeoutMs).toBeLessThan(forgottenMs);
    });

    it('is server-default unless it is named, and gives way to what is given', () => {
      expect(keepalive().channelOptions?.()).toEqual(keepalive({ preset: 'server-default' }).channelOptions?.());
      expect(
        keepalive({ preset: 'gcp', timeMs: 60_000, timeoutMs: 5_000, withoutCalls: true }).channelOptions?.(),
      ).toEqual({
        'grpc.keepalive_time_ms': 60_000,
        'grpc.keepalive_timeout_ms': 5_000,
        'grpc.keepalive_permit_without_calls': 1,
      });
      expect(KEEPALIVE_PRESET_NAMES).toEqual(['server-default', 'aws-nlb', 'azure-lb', 'gcp']);
    });
  });

  describe('options', () => {
    it('takes less than ten seconds where that is allowed', () => {
      const options = { timeMs: 300, belowMinimum: 'allow' } as const;
      expect(keepalive(options).channelOptions?.()).toMatchObject({ 'grpc.keepalive_time_ms': 300 });
      expect(keepalive({ timeMs: 10_000 }).name).toBe('keepalive');
    });

    it.each<readonly [unknown, ErrorConstructor, string]>([
      ...[9_999, 0, -1, -Infinity].map(
        (timeMs) =>
          [
            { timeMs },
            RangeError,
            `timeMs must be a number from 10000 to 2147483647 (gRFC A8), or less with belowMinimum: 'allow', for tests, got ${timeMs}`,
          ] as const,
      ),
      [{ timeMs: NaN }, RangeError, 'timeMs must be a number from 10000 to 2147483647, got NaN'],
      [{ timeMs: Infinity }, RangeError, 'timeMs must be a number from 10000 to 2147483647, got Infinity'],
      [{ timeMs: '1' }, TypeError, `timeMs must be a number from 10000 to 2147483647, got '1'`],
      [{ timeMs: 0, belowMinimum: 'allow' }, RangeError, 'timeMs must be a number from 1 to 2147483647, got 0'],
      [{ timeoutMs: 0 }, RangeError, 'timeoutMs must be a number from 1 to 2147483647, got 0'],
      [{ withoutCalls: 1 }, TypeError, 'withoutCalls must be true or false, got 1'],
      [{ preset: 'aws' }, TypeError, `preset must be one of 'server-default', 'aws-nlb', 'azure-lb', 'gcp', got 'aws'`],
      [{ belowMinimum: true }, TypeError, `belowMinimum must be one of 'refuse', 'allow', got true`],
      [
        { time: 1 },
        TypeError,
        `unknown option 'time'; known are preset, timeMs, timeoutMs, withoutCalls, belowMinimum`,
      ],
      [5, TypeError, 'options must be an object, got 5'],
      [null, TypeError, 'options must be an object, got null'],
    ])('refuses %o', (options, kind, words) => {
      const make = (): unknown => keepalive(options as KeepaliveOptions);
      expect(make).toThrow(kind);
      expect(make).toThrow(`keepalive: ${words}`);
    });
  });
});
