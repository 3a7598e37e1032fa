import { connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  type EchoServer,
  type FaultProxy,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClientOptions } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';

const { EchoClient } = loadEchoPackage();
let server: EchoServer;
/** Refuses connections until it is told to accept. */
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  proxy = await startFaultProxy(server);
  proxy.refuseNew();
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(options: PooledClientOptions = {}) {
  return createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
    onDispose: 'cancel',
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 50,
    ...options,
  });
}

const waitForReady = (): Metadata => new Metadata({ waitForReady: true });

describe('calls to a port where nobody listens', () => {
  it.each(KINDS)('fail with the last connection error: %s', async (kind) => {
    await using client = open();
    const call = new RecordedCall(client, kind);
    const { code, details } = await call.outcome;
    expect([code, details]).toEqual([status.UNAVAILABLE, expect.stringMatching(/no-connection.*ECONNREFUSED/)]);
    expect(explain(call.error)).toMatchObject({
      refusedBy: 'no-connection',
      lastConnectionError: expect.stringContaining('ECONNREFUSED'),
      fault: { tag: 'connect-failed' },
    });
    // While it fails the next is told at once, without a wait in the queue.
    const next = new RecordedCall(client, kind);
    expect(client.pool.stats().queuedCalls).toBe(0);
    expect((await next.outcome).code).toBe(status.UNAVAILABLE);
    call.expectOneOutcome();
    next.expectOneOutcome();
    expect(client.pool.stats()).toMatchObject({ state: 'TRANSIENT_FAILURE', shedCalls: 2, inFlightCalls: 0 });
  });

  it.each(KINDS)('wait for a server where they ask for it, and reach it when it appears: %s', async (kind) => {
    await using client = open();
    const ready = new RecordedCall(client, kind, { metadata: waitForReady() });
    const ordinary = new RecordedCall(client, kind);
    expect((await ordinary.outcome).code).toBe(status.UNAVAILABLE);
    const late = new RecordedCall(client, kind, { metadata: waitForReady() });
    expect(client.pool.stats().queuedCalls).toBe(2);
    await proxy.acceptNew();
    expect(await ready.outcome).toMatchObject({ code: status.OK });
    expect(await late.outcome).toMatchObject({ code: status.OK });
    // And all is well again.
    expect((await new RecordedCall(client, kind).outcome).code).toBe(status.OK);
    expect(client.pool.stats()).toMatchObject({ state: 'READY', queuedCalls: 0 });
    for (const call of [ready, late]) call.expectOneOutcome();
  });

  it('end by their deadline while they wait for a server', async () => {
    await using client = open();
    const call = new RecordedCall(client, 'unary', {
      metadata: waitForReady(),
      options: { deadline: Date.now() + 60 },
    });
    expect((await call.outcome).code).toBe(status.DEADLINE_EXCEEDED);
    call.expectOneOutcome();
    expect(client.pool.stats().queuedCalls).toBe(0);
  });

  it('succeed again once somebody listens, also where nothing waited for that', async () => {
    await using client = open({ minChannels: 0 });
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.UNAVAILABLE);
    await proxy.acceptNew();
    let code: status = status.UNAVAILABLE;
    while (code === status.UNAVAILABLE) code = (await new RecordedCall(client, 'unary').outcome).code;
    expect(code).toBe(status.OK);
  });
});

/** As a client asks for it; resolves to the error, if any. */
function ready(client: ReturnType<typeof open>, deadline: number): Promise<Error | undefined> {
  return new Promise((resolve) => client.waitForReady(deadline, resolve));
}

describe('waitForReady', () => {
  it('is told when the pool has a connection', async () => {
    await proxy.acceptNew();
    await using client = open();
    expect(await ready(client, Date.now() + 10_000)).toBeUndefined();
    expect(client.pool.stats()).toMatchObject({ state: 'READY', startedCalls: 0 });
    expect(await ready(client, Infinity)).toBeUndefined();
    expect(proxy.acceptedConnections).toBe(1);
  });

  it('is told of the deadline where nobody listens', async () => {
    await using client = open();
    expect(await ready(client, Date.now() + 100)).toMatchObject({ message: 'Failed to connect before the deadline' });
  });

  it('is told when a server appears', async () => {
    await using client = open();
    const told = ready(client, Date.now() + 10_000);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.UNAVAILABLE);
    await proxy.acceptNew();
    expect(await told).toBeUndefined();
  });

  it('fails on a closed pool, and opens nothing', async () => {
    await proxy.acceptNew();
    const client = open();
    await client.pool.destroy();
    expect(await ready(client, Date.now() + 10_000)).toMatchObject({ message: 'The channel has been closed' });
    expect(proxy.acceptedConnections).toBe(0);
  });

  it('fails when the pool is closed while it waits', async () => {
    const client = open();
    const told = ready(client, Date.now() + 10_000);
    await new RecordedCall(client, 'unary').outcome;
    await client.pool.destroy();
    expect(await told).toMatchObject({ message: 'The channel has been closed' });
  });
});

describe('a closed pool', () => {
  it.each([
    { how: 'destroyed', close: (client: ReturnType<typeof open>) => client.pool.destroy() },
    { how: 'drained', close: (client: ReturnType<typeof open>) => client.pool.drain() },
    {
      how: 'closed by its client',
      close: (client: ReturnType<typeof open>) => {
        client.close();
        return client.pool.drain();
      },
    },
    { how: 'disposed', close: (client: ReturnType<typeof open>) => client[Symbol.asyncDispose]() },
  ])('that was $how opens nothing again and refuses calls later, not by throwing', async ({ close }) => {
    await proxy.acceptNew();
    const client = open({ minChannels: 2 });
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    await close(client);
    await proxy.waitFor((now) => now.openConnections === 0);
    const before = proxy.acceptedConnections;
    for (const kind of KINDS) {
      const call = new RecordedCall(client, kind, { metadata: waitForReady() });
      // Asynchronous: a caller has its call before it has the news.
      expect(call.statuses).toEqual([]);
      expect(await call.outcome).toMatchObject({ code: status.UNAVAILABLE });
      expect(explain(call.error)?.refusedBy).toBe('closed');
      call.expectOneOutcome();
    }
    for (let asked = 0; asked < 10; asked += 1) {
      expect(client.getChannel().getConnectivityState(true)).toBe(connectivityState.SHUTDOWN);
      await new Promise(setImmediate);
    }
    expect(() =>
      client.getChannel().watchConnectivityState(connectivityState.SHUTDOWN, Infinity, () => undefined),
    ).toThrow();
    // Whatever it might have begun would be here before one that is begun now.
    await using other = open();
    expect((await new RecordedCall(other, 'unary').outcome).code).toBe(status.OK);
    expect(proxy.acceptedConnections).toBe(before + 1);
    expect(client.pool.stats().channels).toEqual([]);
  });
});
