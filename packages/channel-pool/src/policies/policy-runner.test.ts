import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionPolicy, PolicyAction, PolicyReview, PoolView } from '@grpc-manifold/core';
import { FakeClock } from '@grpc-manifold/testing';
import { PolicyRunner } from './policy-runner.js';

const ROTATE: PolicyAction = { kind: 'rotate', channelId: 1, reason: 'test' };

describe('PolicyRunner', () => {
  let clock: FakeClock;
  let view: PoolView;
  let acted: PolicyAction[];

  beforeEach(() => {
    clock = new FakeClock();
    acted = [];
    const channels = [{ id: 1 }] as unknown as PoolView['channels'];
    view = { minChannels: 0, maxChannels: 1, channels, keepaliveTimeMs: undefined, pingStrikes: 0 };
  });

  function run(...policies: ConnectionPolicy[]): PolicyRunner {
    return new PolicyRunner(policies, clock, {
      target: 'dns:///test',
      view: () => view,
      act: (action) => acted.push(action),
    });
  }

  /** A policy that returns what it is told to, and counts how often it was asked. */
  function policy(name: string, ...reviews: PolicyReview[]): ConnectionPolicy & { readonly askedAtMs: number[] } {
    const askedAtMs: number[] = [];
    const quiet = { actions: [], nextReviewMs: Infinity };
    const review = (_view: PoolView, nowMs: number): PolicyReview => {
      askedAtMs.push(nowMs - start);
      return reviews[askedAtMs.length - 1] ?? quiet;
    };
    const start = clock.elapsed();
    return { name, review, askedAtMs };
  }

  it('asks when a connection has changed its state, later and once for many changes', () => {
    const asked = policy('a', { actions: [ROTATE], nextReviewMs: Infinity });
    const runner = run(asked);
    runner.changed();
    runner.changed();
    expect(asked.askedAtMs).toEqual([]);
    clock.advance(0);
    expect(asked.askedAtMs).toHaveLength(1);
    expect(acted).toEqual([ROTATE]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks again when the first of the policies wants to look', () => {
    const [one, other] = [
      policy('a', { actions: [], nextReviewMs: 500 }, { actions: [], nextReviewMs: 500 }),
      policy('b', { actions: [], nextReviewMs: 300 }),
    ];
    run(one, other).changed();
    clock.advance(0);
    clock.advance(2_000);
    expect(one.askedAtMs).toEqual([0, 300, 800]);
    expect(other.askedAtMs).toEqual([0, 300, 800]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks sooner than it was told to when a connection changes its state', () => {
    const asked = policy('a', { actions: [], nextReviewMs: 500 }, { actions: [], nextReviewMs: 500 });
    const runner = run(asked);
    runner.changed();
    clock.advance(100);
    runner.changed();
    clock.advance(1_000);
    expect(asked.askedAtMs).toEqual([0, 100, 600]);
  });

  it('does not let a policy that wants to look at once keep the process busy', () => {
    const always: ConnectionPolicy = { name: 'a', review: vi.fn(() => ({ actions: [], nextReviewMs: 0 })) };
    run(always).changed();
    clock.advance(1_000);
    expect(always.review).toHaveBeenCalledTimes(101);
  });

  it('goes on with the others when one throws or returns nonsense, and complains once', () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const broken: ConnectionPolicy = {
      name: 'broken',
      review: () => {
        throw new Error('no idea');
      },
    };
    const nonsense = { name: 'nonsense', review: () => ({ actions: [], nextReviewMs: NaN }) };
    const asked = policy('a', { actions: [ROTATE], nextReviewMs: 100 }, { actions: [ROTATE], nextReviewMs: Infinity });
    run(broken, nonsense, asked).changed();
    clock.advance(1_000);
    expect(acted).toEqual([ROTATE, ROTATE]);
    expect(warning.mock.calls.map(([text]) => String(text))).toEqual([
      'ChannelPool of dns:///test: the policy broken threw: Error: no idea',
      'ChannelPool of dns:///test: the policy nonsense threw: TypeError: nextReviewMs must be a number or Infinity, got NaN',
    ]);
    warning.mockRestore();
  });

  it.each([
    [
      { kind: 'restart', channelId: 1 },
      'the kind of an action must be one of close, rotate, ping, verify, set-keepalive',
    ],
    [{ kind: 'set-keepalive', timeMs: NaN }, 'timeMs of an action must be a number from 1 to 2147483647, got NaN'],
    [
      { kind: 'set-keepalive', timeMs: Infinity },
      'timeMs of an action must be a number from 1 to 2147483647, got Infinity',
    ],
    [
      { kind: 'ping', channelId: 1, timeoutMs: '5' },
      "timeoutMs of an action must be a number from 1 to 2147483647, got '5'",
    ],
    [undefined, 'an action must be an object, got undefined'],
  ])('has nothing done that it does not understand, and says so: %o', (action, words) => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    run(policy('odd', { actions: [action as PolicyAction], nextReviewMs: Infinity })).changed();
    clock.advance(0);
    expect(acted).toEqual([]);
    expect(String(warning.mock.calls[0]?.[0])).toContain(words);
    warning.mockRestore();
  });

  it('asks nobody while there is no connection, and nobody at all without a policy', () => {
    view = { ...view, channels: [] };
    const asked = policy('a');
    run(asked).changed();
    clock.advance(1_000);
    expect(asked.askedAtMs).toEqual([]);
    run({ name: 'options only' }).changed();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no timer when it is closed', () => {
    const asked = policy('a');
    const runner = run(asked);
    runner.changed();
    runner.close();
    runner.changed();
    expect(clock.pendingTimers).toBe(0);
  });
});
