import { credentials, getChannelzHandlers, Metadata, status } from '@grpc/grpc-js';
import { ChannelPool, ChannelPoolRegistry, createPooledClient, pooledChannelFactory, repool } from 'grpc-manifold';
import {
  collectGarbage,
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  type EchoClient as Echo,
  type EchoServer,
  type FaultProxy,
} from '@grpc-manifold/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Kind } from '../endings/call-kind.js';
import { RecordedCall, type CallStart } from '../endings/recorded-call.js';

const { EchoClient } = loadEchoPackage();
const INSECURE = credentials.createInsecure();
let server: EchoServer;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  proxy = await startFaultProxy(server);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Ways to a client whose pool nobody refers to but the client. */
const WAYS: readonly (readonly [string, (target: string) => Echo])[] = [
  ['a pooled client', (target) => createPooledClient(EchoClient, target, INSECURE)],
  ['minChannels 3', (target) => createPooledClient(EchoClient, target, INSECURE, { minChannels: 3 })],
  ['threads', (target) => createPooledClient(EchoClient, target, INSECURE, { threads: 1, minChannels: 2 })],
  ['a shared pool', (target) => createPooledClient(EchoClient, new ChannelPool(target, INSECURE))],
  ['a repooled client', (target) => repool(new EchoClient(target, INSECURE), new ChannelPool(target, INSECURE))],
  [
    'a channel factory',
    (target) => new EchoClient(target, INSECURE, { channelFactoryOverride: pooledChannelFactory() }),
  ],
  [
    'listeners that lead to the pool',
    (target) => {
      const client = createPooledClient(EchoClient, target, INSECURE);
      const { pool } = client;
      pool.onScale(() => pool.stats());
      pool.onChannelStateChange(() => client.pool.stats());
      pool.onShed(() => client.close());
      client.waitForReady(Infinity, () => pool.stats());
      return client;
    },
  ],
  [
    'a lease of a registry that is kept',
    (target) => createPooledClient(EchoClient, registry.acquire(target, INSECURE).pool),
  ],
  [
    'a lease of a registry that is forgotten as well',
    (target) => createPooledClient(EchoClient, new ChannelPoolRegistry().acquire(target, INSECURE).pool),
  ],
];

const registry = new ChannelPoolRegistry();

/** Makes a client, lets it make a call, and forgets it. */
async function useAndForget(make: (target: string) => Echo): Promise<WeakRef<object>> {
  const client = make(proxy.target);
  const { pool } = client as { pool?: object };
  expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
  return new WeakRef(pool ?? client.getChannel());
}

/** Starts a call of a client that nobody else knows. */
function start(...call: [kind: Kind, start: CallStart]): RecordedCall {
  const options = { 'grpc.initial_reconnect_backoff_ms': 50 };
  return new RecordedCall(createPooledClient(EchoClient, proxy.target, INSECURE, options), ...call);
}

/** Collects garbage until so much is so. A round costs a few milliseconds. */
async function expectCollected(isSo: () => boolean): Promise<void> {
  expect(await collectGarbage(isSo, 500)).toBe(true);
}

describe('a pool that nobody refers to', () => {
  it.each(WAYS)('is collected, and its connections are closed: %s', async (_how, make) => {
    const pool = await useAndForget(make);
    await expectCollected(() => pool.deref() === undefined && proxy.openConnections === 0);
    expect(registry.stats()).toMatchObject({ pools: 0, leases: 0, channels: 0 });
  });

  it('leaves no channelz entry, also where it was never used', async () => {
    const before = channelCount();
    (() => Array.from({ length: 5 }, () => new ChannelPool(proxy.target, INSECURE)))();
    expect(channelCount()).toBe(before + 5);
    await expectCollected(() => channelCount() === before);
  });

  it('is kept while a call runs', async () => {
    await (async () => {
      const call = start('bidi', { halfClose: false });
      await server.waitFor((now) => now.openCalls === 1);
      expect(await collectGarbage(() => call.statuses.length > 0, 10)).toBe(false);
      expect(proxy.openConnections).toBe(1);
      call.call.end?.();
      expect((await call.outcome).code).toBe(status.OK);
    })();
    await expectCollected(() => proxy.openConnections === 0);
  });

  it('is kept while a call waits for a connection', async () => {
    proxy.refuseNew();
    await (async () => {
      const call = start('unary', { metadata: new Metadata({ waitForReady: true }) });
      expect(await collectGarbage(() => call.statuses.length > 0, 10)).toBe(false);
      await proxy.acceptNew();
      expect((await call.outcome).code).toBe(status.OK);
    })();
    await expectCollected(() => proxy.openConnections === 0);
  });

  it('is kept while somebody waits until it is ready', async () => {
    const ready = (() => {
      const client = createPooledClient(EchoClient, proxy.target, INSECURE);
      return new Promise((resolve) => client.waitForReady(Infinity, resolve));
    })();
    const seen = { isReady: false };
    void ready.then(() => (seen.isReady = true));
    await expectCollected(() => seen.isReady);
    await expectCollected(() => proxy.openConnections === 0);
  });

  it('is collected when it rests, though somebody watches its state for ever', async () => {
    const pool = await (async () => {
      const client = createPooledClient(EchoClient, proxy.target, INSECURE, { 'grpc.client_idle_timeout_ms': 1_000 });
      const follow = (): void => {
        client.pool.watchConnectivityState(client.pool.getConnectivityState(false), Infinity, follow);
      };
      follow();
      expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
      await proxy.waitFor((now) => now.openConnections === 0);
      return new WeakRef(client.pool);
    })();
    await expectCollected(() => pool.deref() === undefined);
  });
});

describe('a pool that somebody refers to', () => {
  it('keeps its connection', async () => {
    const client = createPooledClient(EchoClient, proxy.target, INSECURE);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    expect(await collectGarbage(() => proxy.openConnections === 0, 10)).toBe(false);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    expect(proxy.acceptedConnections).toBe(1);
    client.close();
  });

  it('is kept by a registry while it is idle, and by whoever shares it', async () => {
    const client = createPooledClient(EchoClient, registry.acquire(proxy.target, INSECURE).pool);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    // The lease is forgotten, and the pool in use.
    expect(await collectGarbage(() => proxy.openConnections === 0, 10)).toBe(false);
    expect(registry.stats()).toMatchObject({ pools: 1, leases: 1, channels: 1 });
    registry.acquire(proxy.target, INSECURE)[Symbol.dispose]();
    expect(registry.stats()).toMatchObject({ pools: 1, leases: 1 });
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);

    const other = registry.acquire(proxy.target, INSECURE, 'other');
    const idle = new WeakRef(other.pool);
    other[Symbol.dispose]();
    expect(await collectGarbage(() => idle.deref() === undefined, 10)).toBe(false);
    registry.closeIdle();
  });
});

function channelCount(): number {
  let count = 0;
  const answer = (_error: unknown, response?: { channel: unknown[] }): void =>
    void (count = response?.channel.length ?? 0);
  const request = { request: { start_channel_id: 0, max_results: 100_000 } };
  (getChannelzHandlers() as unknown as { GetTopChannels(call: unknown, callback: typeof answer): void }).GetTopChannels(
    request,
    answer,
  );
  return count;
}
