import { setImmediate as nextTurn } from 'node:timers/promises';
import { credentials, status } from '@grpc/grpc-js';
import {
  createPooledClient,
  type ChannelPool,
  type ChannelStateChange,
  type PooledClient,
  type PooledClientOptions,
} from 'grpc-manifold';
import {
  type EchoClient,
  eventually,
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  startScriptedPeer,
  startSilentPeer,
  timePasses,
} from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from '../ejection/call-loop.js';
import { changed } from '../ejection/pool-of.js';

const { EchoClient: Client } = loadEchoPackage();

function open(target: string, options: PooledClientOptions): PooledClient<EchoClient> {
  return createPooledClient(Client, target, credentials.createInsecure(), { onDispose: 'cancel', ...options });
}

function states(pool: ChannelPool): string[] {
  return pool.stats().channels.map(({ state }) => state);
}

/** Every change of state, as it comes. */
function watch(pool: ChannelPool): ChannelStateChange[] {
  const changes: ChannelStateChange[] = [];
  pool.onChannelStateChange((change) => changes.push(change));
  return changes;
}

describe('one connection of four that falls silent', () => {
  it('is replaced while calls with deadlines end on it, and no other is disturbed', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = open(proxy.target, { minChannels: 4, maxChannels: 4 });
    await call(client);
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready', 'ready', 'ready']));
    const changes = watch(client.pool);
    // Bystanders on all four, one of which will not hear anything again.
    const bystanders = Array.from({ length: 4 }, () => client.bidi());
    const ended: number[] = [];
    bystanders.forEach((bystander, index) => {
      bystander
        .on('error', () => undefined)
        .on('data', () => undefined)
        .on('status', () => ended.push(index));
      bystander.write({});
    });
    await server.waitFor(({ openCalls }) => openCalls === 4);

    // They are opened one at a time, so that the second member is the second connection.
    const stalled = changed(client.pool, ({ fault }) => fault?.tag === 'stalled');
    proxy.connections[1]?.blackHole();
    // No faster, or nginx closes a connection that has had its 1,000 requests before the silence is noticed.
    using loop = new CallLoop(8, () => call(client, { delayMs: 50 }, 250));
    const { id, from, to } = await stalled;
    // First it is ejected.
    expect({ id, from, to }).toEqual({ id: 2, from: 'failed', to: 'draining' });

    await eventually(() => expect(states(client.pool).filter((state) => state === 'ready')).toHaveLength(4));
    const endings = await loop.stop();
    expect(new Set(endings.map(({ code }) => code))).toEqual(new Set([status.OK, status.DEADLINE_EXCEEDED]));
    // Who was late was late on the silent one.
    const late = endings.filter(({ code }) => code === status.DEADLINE_EXCEEDED);
    const lateOn = new Map<number | undefined, number>();
    for (const { explanation } of late) {
      lateOn.set(explanation?.channelId, (lateOn.get(explanation?.channelId) ?? 0) + 1);
    }
    console.log(`stalled member: ${endings.length} calls, late by member ${JSON.stringify([...lateOn])}`);
    expect(lateOn.get(2)).toBeGreaterThan(0);
    expect(changes.filter((change) => change.id !== 2).map(({ id, to }) => [id, to])).toEqual([[5, 'ready']]);
    expect(ended).toEqual([]);
    expect(proxy.acceptedConnections).toBe(5);
    await Promise.all(Array.from({ length: 100 }, () => call(client))).then((all) =>
      expect(all.every(({ code }) => code === status.OK)).toBe(true),
    );
    for (const bystander of bystanders) bystander.cancel();
  });
});

describe('a server that answers no call', () => {
  it('is not taken for stalled while its connections are alive, and the slots come free', async () => {
    // It gives no window back and answers no ping: the acknowledgement of an empty SETTINGS is its only sign of life.
    await using peer = await startScriptedPeer({ windowUpdates: false, ackPings: false });
    await using client = open(peer.target, { minChannels: 4, maxChannels: 4, maxStreamsPerChannel: 10 });
    const changes = watch(client.pool);
    await call(client, {}, 400);
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready', 'ready', 'ready']));
    using loop = new CallLoop(20, () => call(client, {}, 400));
    await timePasses(5_000, 'a connection without a sign of life would be stalled by now');
    const endings = await loop.stop();
    expect(new Set(endings.map(({ code }) => code))).toEqual(new Set([status.DEADLINE_EXCEEDED]));
    expect(changes.filter(({ to }) => to !== 'ready')).toEqual([]);
    await eventually(() =>
      expect(client.pool.stats().channels.map(({ endingStreams }) => endingStreams)).toEqual([0, 0, 0, 0]),
    );
    // More calls than there are streams: each slot came free many times, on the wire as well.
    await peer.waitFor(({ openStreams }) => openStreams === 0);
    // On a busy machine the deadline of a call may pass before it is sent.
    expect(peer.headersReceived).toBeLessThanOrEqual(endings.length + 1);
    expect(peer.headersReceived).toBeGreaterThan(80);
    expect(peer.acceptedConnections).toBe(4);
  });

  it('is not taken for stalled because this process itself was busy for long', async () => {
    await using server = await startEchoServer();
    await using client = open(server.target, { maxChannels: 1 });
    await call(client);
    const changes = watch(client.pool);
    const hanging = client.unary({ hang: true }, () => undefined);
    await server.waitFor(({ openCalls }) => openCalls === 1);
    hanging.cancel();
    // The reset goes out with this turn of the event loop; what the server says to it is read only after the pause.
    await nextTurn();
    const busyUntilMs = performance.now() + 2_500;
    while (performance.now() < busyUntilMs);
    expect(await call(client)).toMatchObject({ code: status.OK });
    await eventually(() => expect(client.pool.stats().channels[0]?.endingStreams).toBe(0));
    expect(changes).toEqual([]);
  });

  it('is taken for stalled when it does not even acknowledge SETTINGS', async () => {
    await using peer = await startScriptedPeer({ windowUpdates: false, ackPings: false, ackSettings: false });
    await using client = open(peer.target, { maxChannels: 1 });
    const stalled = changed(client.pool, ({ fault }) => fault?.tag === 'stalled');
    using loop = new CallLoop(5, () => call(client, {}, 300));
    const { id } = await stalled;
    expect(id).toBe(1);
    await peer.waitFor(({ acceptedConnections }) => acceptedConnections === 2);
    await loop.stop();
  });
});

describe('a connection that is reset', () => {
  it('fails what was on it, is replaced, and the next calls succeed', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = open(proxy.target, {
      minChannels: 2,
      maxChannels: 2,
      channelOptions: { 'grpc.initial_reconnect_backoff_ms': 100 },
    });
    await call(client);
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready']));
    const hanging = [call(client, { hang: true }), call(client, { hang: true })];
    await server.waitFor(({ openCalls }) => openCalls === 2);
    const lost = changed(client.pool, ({ to }) => to === 'draining');
    proxy.connections[0]?.reset();
    expect(await lost).toMatchObject({ id: 1, fault: { tag: expect.stringMatching(/^(dropped|reset)$/) as string } });
    const first = await Promise.race(hanging);
    expect(first).toMatchObject({ code: status.UNAVAILABLE, explanation: { channelId: 1 } });
    const calls = await Promise.all(Array.from({ length: 50 }, () => call(client)));
    expect(calls.map(({ code }) => code)).toEqual(Array(50).fill(status.OK));
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready']));
    expect(proxy.acceptedConnections).toBe(3);
    expect((await server.stats()).openCalls).toBe(1);
  });

  it('costs no call that comes later although all connections were reset at once', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = open(proxy.target, {
      minChannels: 3,
      channelOptions: { 'grpc.initial_reconnect_backoff_ms': 100 },
    });
    await call(client);
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready', 'ready']));
    let lost = 0;
    const allLost = changed(client.pool, ({ to }) => to === 'draining' && ++lost === 3);
    for (const connection of proxy.connections) connection.reset();
    await allLost;
    const calls = await Promise.all(Array.from({ length: 50 }, () => call(client)));
    expect(calls.map(({ code }) => code)).toEqual(Array(50).fill(status.OK));
    await eventually(() => expect(states(client.pool)).toEqual(['ready', 'ready', 'ready']));
  });
});

describe('connectTimeoutMs with a peer that accepts and sends no SETTINGS', () => {
  it('destroys the socket, fails ordinary calls with the reason, and later attempts back off', async () => {
    await using peer = await startSilentPeer();
    const acceptedAtMs: number[] = [];
    await using proxy = await startFaultProxy(peer, { onConnection: () => acceptedAtMs.push(performance.now()) });
    await using client = open(proxy.target, {
      connectTimeoutMs: 100,
      channelOptions: { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 10_000 },
    });
    const ending = await call(client);
    expect(ending).toMatchObject({
      code: status.UNAVAILABLE,
      explanation: { refusedBy: 'no-connection', fault: { tag: 'connect-timeout' } },
    });
    await proxy.waitFor(({ openConnections }) => openConnections === 0);
    expect(proxy.acceptedConnections).toBe(1);
    // While the pool backs off a call is told at once, and brings no attempt forward.
    expect(await call(client)).toMatchObject({ code: status.UNAVAILABLE });
    expect(proxy.acceptedConnections).toBe(1);

    // Somebody waits all the time, so that every attempt comes as soon as it may.
    using loop = new CallLoop(1, () => call(client, {}, 50));
    await proxy.waitFor(({ acceptedConnections }) => acceptedConnections === 5);
    await loop.stop();
    const pauses = acceptedAtMs.slice(1).map((atMs, index) => atMs - (acceptedAtMs[index] as number));
    console.log(`pauses between attempts in vain: ${pauses.map(Math.round).join(', ')} ms`);
    // 200 ms × 1.6 each time, ± 20 %: never sooner than that, each at least not much shorter than the one before.
    pauses.forEach((pause, index) => expect(pause).toBeGreaterThan(200 * 1.6 ** index * 0.8 - 5));
    expect(proxy.peakConnections).toBe(1);
  });
});
