import { once } from 'node:events';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  type EchoClient as Echo,
  type EchoServer,
} from '@grpc-manifold/testing';
import {
  ChannelPool,
  createPooledClient,
  idleClose,
  maxAge,
  type ChannelView,
  type ConnectionPolicy,
  type PolicyReview,
  type PoolView,
} from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
let server: EchoServer;
let target: string;

beforeAll(async () => {
  server = await startEchoServer();
  target = server.target;
});

afterAll(() => server[Symbol.asyncDispose]());

// #region
function replaceSilent(silentTimeoutMs: number): ConnectionPolicy {
  return {
    name: 'replaceSilent',
    review({ channels }) {
      const busy = channels.filter(({ state, inFlightCalls }) => state === 'ready' && inFlightCalls > 0);
      const silent = busy.filter(({ silentMs }) => silentMs >= silentTimeoutMs);
      const others = busy.filter(({ silentMs }) => silentMs < silentTimeoutMs);
      return {
        actions: silent.map(({ id, silentMs }) => ({
          kind: 'rotate',
          channelId: id,
          reason: `it has calls and was silent for ${Math.round(silentMs)} ms`,
        })),
        nextReviewMs: Math.min(silentTimeoutMs, ...others.map(({ silentMs }) => silentTimeoutMs - silentMs)),
      };
    },
  };
}
// #endregion

function ask(client: Echo, request: { hang?: boolean } = {}): Promise<ServiceError | null> {
  return new Promise((resolve) => client.unary({ payload: Buffer.from('hello'), ...request }, resolve));
}

describe('the guide to writing a policy', () => {
  it('shows what is run here', () => {
    expect(examplesOf('writing-a-policy.md')).toEqual(regionsOf('./writing-a-policy.test.ts'));
  });

  it('puts it into a pool', async () => {
    // #region
    const pool = new ChannelPool(target, credentials.createInsecure(), {
      policies: [replaceSilent(5_000), idleClose(), maxAge()],
    });
    // #endregion
    expect(await ask(createPooledClient(EchoClient, pool))).toBeNull();
    await pool.destroy();
  });

  it('tests it without one', () => {
    // #region
    const connection: ChannelView = {
      id: 1,
      state: 'ready',
      isEjected: false,
      jitterFraction: 0,
      inFlightCalls: 1,
      ageMs: 60_000,
      idleMs: 0,
      silentMs: 0,
      drainingMs: 0,
      canPing: true,
      pings: 0,
      pingedMs: Infinity,
      isPinging: false,
      keepaliveTimeMs: Infinity,
    };
    const decide = (given: Partial<ChannelView>): PolicyReview | undefined => {
      const channels = [{ ...connection, ...given }];
      const view: PoolView = { minChannels: 1, maxChannels: 4, keepaliveTimeMs: undefined, pingStrikes: 0, channels };
      return replaceSilent(5_000).review?.(view, 0);
    };
    // #endregion
    expect(decide({ silentMs: 4_000 })).toEqual({ actions: [], nextReviewMs: 1_000 });
    expect(decide({ silentMs: 5_000 })).toEqual({
      actions: [{ kind: 'rotate', channelId: 1, reason: 'it has calls and was silent for 5000 ms' }],
      nextReviewMs: 5_000,
    });
    for (const given of [{ inFlightCalls: 0 }, { state: 'draining' }] as const) {
      expect(decide({ silentMs: 9_000, ...given })).toEqual({ actions: [], nextReviewMs: 5_000 });
    }
  });

  it('replaces a connection that has fallen silent', async () => {
    await using proxy = await startFaultProxy(server);
    await using client = createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
      policies: [replaceSilent(1_000)],
      onDispose: 'cancel',
    });
    expect(await ask(client)).toBeNull();
    const draining = new AbortController();
    client.pool.onChannelStateChange(({ to, reason }) => {
      if (to === 'draining') draining.abort(reason);
    });
    proxy.connections[0]?.blackHole();
    const unanswered = ask(client);
    if (!draining.signal.aborted) await once(draining.signal, 'abort');
    expect(draining.signal.reason).toMatch(/^it has calls and was silent for \d+ ms$/);
    // Another took its place; the call that it has may still be answered.
    expect(await ask(client)).toBeNull();
    expect(proxy.acceptedConnections).toBe(2);
    proxy.connections[0]?.restore();
    expect(await unanswered).toBeNull();
  });
});
