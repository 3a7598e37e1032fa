import fc from 'fast-check';
import type { ChannelView, ConnectionPolicy, PoolView } from '@grpc-manifold/core';
import { channelView } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { idleClose, keepalive, maxAge } from './index.js';

const ms = fc.oneof(
  fc.constantFrom(0, 999, 1_000, 9_999, 10_000, 10_001),
  fc.double({ min: 0, max: 40_000, noNaN: true }),
);

const channel: fc.Arbitrary<Partial<ChannelView>> = fc
  .record({
    state: fc.constantFrom('connecting', 'ready', 'ready', 'ready', 'draining', 'failed'),
    jitterFraction: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    inFlightCalls: fc.nat(2),
    ageMs: ms,
    idleMs: ms,
    silentMs: ms,
    drainingMs: ms,
    canPing: fc.boolean(),
    pingedMs: fc.oneof(ms, fc.constant(Infinity)),
    isPinging: fc.boolean(),
    keepaliveTimeMs: fc.constantFrom(10_000, 20_000, Infinity),
  })
  .map((given) => (given.inFlightCalls > 0 ? { ...given, idleMs: 0 } : given))
  .map((given) => ({ ...given, isEjected: given.state === 'failed' && given.ageMs > 0 }));

const pool: fc.Arbitrary<PoolView> = fc
  .record({
    minChannels: fc.nat(6),
    keepaliveTimeMs: fc.constantFrom(undefined, 10_000, 300_000),
    pingStrikes: fc.constantFrom(0, 0, 1),
    channels: fc.array(channel, { maxLength: 8 }),
  })
  .map((given) => ({
    ...given,
    maxChannels: 10,
    channels: given.channels.map((each, index) => channelView(index + 1, each)),
  }));

const maxIdleChannels = fc.oneof(fc.nat(4), fc.constant(Infinity));

const POLICIES: Readonly<Record<string, fc.Arbitrary<ConnectionPolicy>>> = {
  idleClose: maxIdleChannels.map((most) => idleClose({ idleTimeoutMs: 10_000, maxIdleChannels: most })),
  keepalive: fc.boolean().map((withoutCalls) => keepalive({ timeMs: 10_000, withoutCalls })),
  maxAge: fc
    .constantFrom(0, 0.1, 1)
    .map((jitterRatio) => maxAge({ maxAgeMs: 10_000, jitterRatio, drainTimeoutMs: 10_000 })),
};

function deepFreeze<T extends object>(value: T): T {
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) deepFreeze(each as object);
  return Object.freeze(value);
}

/** The same pool, so many milliseconds later, in which nothing has happened. */
function later(view: PoolView, passedMs: number): PoolView {
  return {
    ...view,
    channels: view.channels.map((each) => ({
      ...each,
      ageMs: each.state === 'ready' || each.isEjected ? each.ageMs + passedMs : each.ageMs,
      idleMs: each.inFlightCalls > 0 ? 0 : each.idleMs + passedMs,
      silentMs: each.silentMs + passedMs,
      drainingMs: each.state === 'draining' ? each.drainingMs + passedMs : each.drainingMs,
      pingedMs: each.pingedMs + passedMs,
    })),
  };
}

const SETTINGS = { seed: 20_261_121, numRuns: 2_000 };

describe.each(Object.entries(POLICIES))('%s, whatever the pool', (_name, policies) => {
  it('changes nothing of what it sees, and decides the same of the same', () => {
    fc.assert(
      fc.property(policies, pool, (policy, view) => {
        const frozen = deepFreeze(view);
        const first = policy.review?.(frozen, 5);
        expect(policy.review?.(frozen, 5_000)).toEqual(first);
      }),
      SETTINGS,
    );
  });

  it('looks again after some time, and names only what is there, once for each kind', () => {
    fc.assert(
      fc.property(policies, pool, (policy, view) => {
        const { actions, nextReviewMs } = policy.review?.(view, 0) ?? { actions: [], nextReviewMs: 0 };
        expect(nextReviewMs).toBeGreaterThan(0);
        const named = actions.map((action) => `${action.kind} ${'channelId' in action ? action.channelId : ''}`);
        expect(new Set(named).size).toBe(named.length);
        for (const action of actions) {
          expect(action.reason).not.toBe('');
          if (!('channelId' in action)) continue;
          expect(view.channels.map(({ id }) => id)).toContain(action.channelId);
        }
      }),
      SETTINGS,
    );
  });

  it('has nothing to do before it looks again', () => {
    fc.assert(
      fc.property(policies, pool, fc.double({ min: 0, max: 0.999, noNaN: true }), (policy, view, part) => {
        const now = policy.review?.(view, 0);
        if (now === undefined || now.actions.length > 0) return;
        const passedMs = Math.min(now.nextReviewMs, 1e9) * part;
        expect(policy.review?.(later(view, passedMs), passedMs).actions).toEqual([]);
      }),
      SETTINGS,
    );
  });
});

it('none closes so many that fewer are left than minChannels, nor any that takes calls and has some', () => {
  fc.assert(
    fc.property(fc.oneof(...Object.values(POLICIES)), pool, (policy, view) => {
      const { actions } = policy.review?.(view, 0) ?? { actions: [] };
      const closed = actions.flatMap((action) => (action.kind === 'close' ? [action.channelId] : []));
      const ready = view.channels.filter(({ state }) => state === 'ready');
      for (const those of [ready, [...ready, ...view.channels.filter((channel) => channel.isEjected)]]) {
        const left = those.filter(({ id }) => !closed.includes(id));
        expect(left.length).toBeGreaterThanOrEqual(Math.min(view.minChannels, those.length));
      }
      for (const each of view.channels) {
        if (!closed.includes(each.id) || each.state === 'draining') continue;
        expect(each.inFlightCalls).toBe(0);
        expect(each.state === 'ready' || each.isEjected).toBe(true);
      }
    }),
    SETTINGS,
  );
});

it('keepalive pings one at a time, and none that cannot be or was within the interval', () => {
  fc.assert(
    fc.property(fc.boolean(), pool, (withoutCalls, view) => {
      const { actions } = keepalive({ timeMs: 10_000, withoutCalls }).review?.(view, 0) ?? { actions: [] };
      const pinged = actions.flatMap((action) => (action.kind === 'ping' ? [action.channelId] : []));
      expect(pinged.length).toBeLessThanOrEqual(1);
      for (const each of view.channels) {
        if (!pinged.includes(each.id)) continue;
        expect(each).toMatchObject({ canPing: true, isPinging: false });
        expect(Math.min(each.silentMs, each.pingedMs)).toBeGreaterThanOrEqual(view.keepaliveTimeMs ?? 10_000);
      }
    }),
    SETTINGS,
  );
});
