import { once } from 'node:events';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  type EchoServer,
  leakCheck,
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  until,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, idleClose, keepalive, type ConnectionPolicy } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const { EchoClient } = loadEchoPackage();
const pings = keepalive({ timeMs: 300, timeoutMs: 1_000, belowMinimum: 'allow' });
let server: EchoServer;
let leaks: ReturnType<typeof leakCheck>;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(() => {
  leaks = leakCheck();
});

afterEach(() => leaks.expectNothingLeft());

afterAll(() => server[Symbol.asyncDispose]());

/** Rotates whatever is ready, once, when it is told to. */
class RotateOnce implements ConnectionPolicy {
  readonly name = 'rotateOnce';
  isWanted = false;

  review({
    channels,
  }: Parameters<NonNullable<ConnectionPolicy['review']>>[0]): ReturnType<NonNullable<ConnectionPolicy['review']>> {
    const ready = this.isWanted ? channels.filter(({ state }) => state === 'ready') : [];
    if (ready.length > 0) this.isWanted = false;
    return {
      actions: ready.map(({ id }) => ({ kind: 'rotate', channelId: id, reason: 'the test wants it' })),
      nextReviewMs: 10,
    };
  }
}

describe('keepalive', () => {
  it('ends what is on one of four connections that is dead, and what is on the others goes on', async () => {
    await using proxy = await startFaultProxy(server);
    await using client = createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
      minChannels: 4,
      maxChannels: 4,
      policies: [idleClose(), pings],
      onDispose: 'cancel',
    });
    await client.pool.warmUp({ channels: 4 });
    const ended: ServiceError[] = [];
    const streams = Array.from({ length: 4 }, () => client.serverStream({ hang: true }));
    for (const stream of streams) stream.on('error', (error: ServiceError) => ended.push(error));
    await server.waitFor(({ openCalls }) => openCalls === 4);
    const lost = new Promise((resolve) => {
      client.pool.onChannelStateChange(({ fault }) => {
        if (fault !== undefined) resolve(fault);
      });
    });
    const dead = proxy.connections[1];
    const others = proxy.connections.filter((each) => each !== dead);
    dead?.blackHole();
    expect(await lost).toMatchObject({ tag: 'keepalive-timeout' });
    await until('the stream', () => ended.length > 0);
    expect(ended).toMatchObject([{ code: status.UNAVAILABLE }]);
    expect(explain(ended[0])?.fault).toMatchObject({ tag: 'keepalive-timeout' });
    // The others are pinged and answer. The one in place of the dead has no calls, and is not.
    const before = others.map(({ bytesToClient }) => bytesToClient);
    await proxy.waitFor(() => others.every(({ bytesToClient }, index) => bytesToClient > (before[index] ?? 0)));
    expect(ended).toHaveLength(1);
    expect(client.pool.stats()).toMatchObject({ keepaliveTimeMs: 300, inFlightCalls: 3 });
    dead?.restore();
    for (const stream of streams) stream.cancel();
  });

  it('leaves the stream of a connection alone that is silent and alive', async () => {
    await using proxy = await startFaultProxy(server);
    await using client = createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
      policies: [pings],
      onDispose: 'cancel',
    });
    let isOver = false;
    const stream = client.serverStream({ hang: true });
    stream.on('error', () => (isOver = true));
    await server.waitFor(({ openCalls }) => openCalls === 1);
    let heard = proxy.connections[0]?.bytesToClient ?? 0;
    for (let answers = 0; answers < 5; answers += 1) {
      await proxy.waitFor(({ connections }) => (connections[0]?.bytesToClient ?? 0) > heard);
      heard = proxy.connections[0]?.bytesToClient ?? 0;
    }
    expect(isOver).toBe(false);
    expect(proxy.acceptedConnections).toBe(1);
    stream.cancel();
  });

  it('finds one dead that drains', async () => {
    await using proxy = await startFaultProxy(server);
    const rotateOnce = new RotateOnce();
    await using client = createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
      policies: [pings, rotateOnce],
      onDispose: 'cancel',
    });
    const stream = client.serverStream({ hang: true });
    const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    await server.waitFor(({ openCalls }) => openCalls === 1);
    const drains = new AbortController();
    client.pool.onChannelStateChange(({ to }) => {
      if (to === 'draining') drains.abort();
    });
    rotateOnce.isWanted = true;
    if (!drains.signal.aborted) await once(drains.signal, 'abort');
    proxy.connections[0]?.blackHole();
    const first = await ended;
    proxy.connections[0]?.restore();
    stream.cancel();
    expect(first).toMatchObject({ code: status.UNAVAILABLE });
    expect(explain(first)?.fault).toMatchObject({ tag: 'keepalive-timeout' });
  });
});
