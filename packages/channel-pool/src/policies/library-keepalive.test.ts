import { keepalive } from '@grpc-manifold/connection-policy';
import { poolView } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { yieldToKeepalivePolicy } from './library-keepalive.js';

const policy = keepalive({ timeMs: 20_000 });

/** The policy as it is beside a library that asks for PINGs so often. */
function beside(wishMs: number): typeof policy {
  const { policies } = yieldToKeepalivePolicy({
    channelOptions: { 'grpc.keepalive_time_ms': wishMs },
    policies: [policy],
  });
  return policies[0] as typeof policy;
}

describe('a keepalive policy beside the keepalive of a library', () => {
  it('sets the larger interval for the pool, and says why', () => {
    const view = poolView({ keepaliveTimeMs: undefined }, {});
    expect(beside(30_000).review?.(view, 0).actions).toEqual([
      {
        kind: 'set-keepalive',
        timeMs: 30_000,
        reason: 'as keepalive() was told; the library that made the client asks for more',
      },
    ]);
    expect(beside(10_000).review?.(view, 0)).toEqual(policy.review?.(view, 0));
  });

  it('pings by the interval of the pool, as ever', () => {
    const silent = { inFlightCalls: 1, silentMs: 25_000, canPing: true };
    const set = poolView({ keepaliveTimeMs: 30_000 }, silent);
    expect(beside(30_000).review?.(set, 0).actions).toEqual([]);
    const due = poolView({ keepaliveTimeMs: 30_000 }, { ...silent, silentMs: 30_000 });
    expect(beside(30_000).review?.(due, 0)).toEqual(policy.review?.(due, 0));
  });

  it('doubles it when servers find it too often', () => {
    const view = poolView({ keepaliveTimeMs: 400_000, pingStrikes: 1 }, {});
    expect(beside(400_000).review?.(view, 0).actions).toMatchObject([{ kind: 'set-keepalive', timeMs: 800_000 }]);
  });
});
