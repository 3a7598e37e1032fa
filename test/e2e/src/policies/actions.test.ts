import { credentials, status } from '@grpc/grpc-js';
import type { ConnectionPolicy, PolicyAction } from '@grpc-manifold/core';
import {
  type EchoClient,
  eventually,
  loadEchoPackage,
  type PeerConnection,
  startEchoServer,
  startFaultProxy,
  startScriptedPeer,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClient, type PooledClientOptions } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();
/** A message of no bytes is an `EchoResponse` of defaults. */
const ANSWER = { messages: [Buffer.alloc(0)] };
const ENHANCE_YOUR_CALM = 11;
const INTERNAL_ERROR = 2;

/** Looks each ten milliseconds, and has done what the test says. */
class TestPolicy implements ConnectionPolicy {
  readonly name = 'test';
  next: PolicyAction[] = [];
  strikes = 0;

  review({ pingStrikes }: Parameters<NonNullable<ConnectionPolicy['review']>>[0]): {
    actions: PolicyAction[];
    nextReviewMs: number;
  } {
    this.strikes = pingStrikes;
    return { actions: this.next.splice(0), nextReviewMs: 10 };
  }
}

function open(target: string, policy: ConnectionPolicy, options: PooledClientOptions = {}): PooledClient<EchoClient> {
  return createPooledClient(Client, target, credentials.createInsecure(), {
    maxChannels: 1,
    policies: [policy],
    channelOptions: { 'grpc.initial_reconnect_backoff_ms': 20, 'grpc.max_reconnect_backoff_ms': 20 },
    onDispose: 'cancel',
    ...options,
  });
}

interface Ending {
  readonly code: status;
  readonly explanation: ReturnType<typeof explain>;
}

function call(client: EchoClient, request: object = {}): Promise<Ending> {
  return new Promise((resolve) => {
    client.unary(request, (error) => resolve({ code: error?.code ?? status.OK, explanation: explain(error) }));
  });
}

const ping = (timeoutMs: number): PolicyAction => ({ kind: 'ping', channelId: 1, reason: 'silent', timeoutMs });
const verify: PolicyAction = { kind: 'verify', channelId: 1, reason: 'silent' };

/** Resolves when the policy has been asked, and the pool has done what it said. */
async function act(policy: TestPolicy, ...actions: PolicyAction[]): Promise<void> {
  policy.next.push(...actions);
  await eventually(() => expect(policy.next).toEqual([]));
}

/** Does something again and again until a promise is settled. */
async function untilItEnds<T>(promise: Promise<T>, again: () => Promise<void>): Promise<T> {
  let isOver = false;
  const over = promise.finally(() => (isOver = true));
  while (!isOver) await again();
  return over;
}

describe('ping', () => {
  it('is a PING on the wire, and its answer leaves the connection as it is', async () => {
    await using peer = await startScriptedPeer();
    const policy = new TestPolicy();
    await using client = open(peer.target, policy);
    const hanging = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    const connection = peer.connections[0] as PeerConnection;
    await act(policy, ping(20_000));
    await peer.waitFor(() => connection.frames.some((frame) => frame.kind === 'ping'));
    connection.respond(1, ANSWER);
    expect((await hanging).code).toBe(status.OK);
    expect(client.pool.stats().channels).toMatchObject([{ id: 1, state: 'ready' }]);
  });

  it('that is not answered ends the connection and its calls, and another takes its place', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    const policy = new TestPolicy();
    await using client = open(proxy.target, policy);
    const hanging = call(client, { hang: true });
    await server.waitFor(({ openCalls }) => openCalls === 1);
    proxy.connections[0]?.blackHole();
    // What was on its way when the hole opened is a sign of life as well: the next PING meets none.
    const ended = await untilItEnds(hanging, () => act(policy, ping(50)));
    expect(ended).toEqual({
      code: status.UNAVAILABLE,
      explanation: expect.objectContaining({
        channelId: 1,
        fault: { tag: 'keepalive-timeout', detail: 'a PING was not answered within 50 ms' },
      }) as unknown,
    });
    expect((await call(client)).code).toBe(status.OK);
    await proxy.waitFor(
      ({ acceptedConnections, openConnections }) => acceptedConnections === 2 && openConnections === 1,
    );
    expect(client.pool.stats()).toMatchObject({ lastFault: { tag: 'keepalive-timeout' }, inFlightCalls: 0 });
  });

  it('too many of which the server complains is counted, but not of a connection that sent them more often', async () => {
    await using peer = await startScriptedPeer();
    const policy = new TestPolicy();
    await using client = open(peer.target, policy, { maxChannels: 2, minChannels: 2 });
    await client.pool.warmUp();
    await act(policy, { kind: 'set-keepalive', timeMs: 10_000, reason: 'test' });
    await act(policy, ping(20_000), { ...ping(20_000), channelId: 2 } as PolicyAction);
    const hanging = [call(client), call(client)];
    await peer.waitFor(({ openStreams }) => openStreams === 2);
    peer.connections[0]?.sendGoaway(ENHANCE_YOUR_CALM, 1, 'too_many_pings');
    const [first] = [await Promise.race(hanging)];
    expect(first).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      explanation: { fault: { tag: 'too-many-pings' } },
    });
    await eventually(() => expect(policy.strikes).toBe(1));
    await act(policy, { kind: 'set-keepalive', timeMs: 300_000, reason: 'learned' });
    await eventually(() => expect(policy.strikes).toBe(0));
    peer.connections[1]?.sendGoaway(ENHANCE_YOUR_CALM, 1, 'too_many_pings');
    await Promise.all(hanging);
    await eventually(() => expect(client.pool.stats().channels.map(({ id }) => id)).toEqual([3, 4]));
    await act(policy);
    expect(policy.strikes).toBe(0);
    expect(client.pool.stats().keepaliveTimeMs).toBe(300_000);
  });
});

describe('verify', () => {
  it('asks a living connection once, before the call that comes next, and without a PING', async () => {
    await using peer = await startScriptedPeer({ onRequestEnd: (connection, id) => connection.respond(id, ANSWER) });
    const policy = new TestPolicy();
    await using client = open(peer.target, policy);
    await call(client);
    const connection = peer.connections[0] as PeerConnection;
    const settings = (): number => connection.frames.filter(({ kind }) => kind === 'settings').length;
    const before = settings();
    await act(policy, verify);
    expect(settings()).toBe(before);
    expect(await Promise.all([call(client), call(client)])).toMatchObject([{ code: status.OK }, { code: status.OK }]);
    expect(settings()).toBe(before + 1);
    expect((await call(client)).code).toBe(status.OK);
    expect(settings()).toBe(before + 1);
    expect(connection.frames.filter(({ kind }) => kind === 'ping')).toEqual([]);
    expect(peer.acceptedConnections).toBe(1);
  });

  it('saves the call from a connection that was forgotten on the way', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    const policy = new TestPolicy();
    await using client = open(proxy.target, policy);
    await call(client);
    await act(policy, verify);
    proxy.connections[0]?.blackHole();
    expect((await call(client)).code).toBe(status.OK);
    expect(proxy.acceptedConnections).toBe(2);
    expect(client.pool.stats()).toMatchObject({
      retriedCalls: 0,
      failedCalls: 0,
      lastFault: { tag: 'keepalive-timeout' },
    });
  });
});

describe('rotate', () => {
  it('tells a call that stays behind what then became of its connection', async () => {
    await using peer = await startScriptedPeer();
    const policy = new TestPolicy();
    await using client = open(peer.target, policy);
    const hanging = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    await act(policy, { kind: 'rotate', channelId: 1, reason: 'test' });
    await eventually(() =>
      expect(client.pool.stats().channels).toMatchObject([
        { id: 1, state: 'draining' },
        { id: 2, state: 'ready' },
      ]),
    );
    peer.connections[0]?.sendGoaway(INTERNAL_ERROR);
    expect((await hanging).explanation).toMatchObject({ channelId: 1, fault: { tag: 'goaway' } });
  });
});

describe('rotate, where one connection may drain', () => {
  it('costs the old connection no call when the new one is lost with its calls', async () => {
    await using peer = await startScriptedPeer();
    const policy = new TestPolicy();
    await using client = open(peer.target, policy, { maxDrainingChannels: 1 });
    const stays = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    await act(policy, { kind: 'rotate', channelId: 1, reason: 'test' });
    await eventually(() => expect(client.pool.stats().channels).toMatchObject([{ state: 'draining' }, { id: 2 }]));
    const lost = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 2);
    peer.connections[1]?.socket.resetAndDestroy();
    expect((await lost).code).toBe(status.UNAVAILABLE);
    peer.connections[0]?.respond(1, ANSWER);
    expect((await stays).code).toBe(status.OK);
  });
});

describe('a GOAWAY for an error', () => {
  it('costs no call that the server never acted on', async () => {
    await using peer = await startScriptedPeer({
      onRequestEnd(connection, id) {
        if (connection.id > 1) connection.respond(id, ANSWER);
      },
    });
    await using client = open(peer.target, new TestPolicy());
    const seen = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    const unseen = [call(client), call(client)];
    await peer.waitFor(({ openStreams }) => openStreams === 3);
    peer.connections[0]?.sendGoaway(INTERNAL_ERROR, 1);
    expect(await seen).toMatchObject({
      code: status.INTERNAL,
      explanation: { channelId: 1, fault: { tag: 'goaway' } },
    });
    expect(await Promise.all(unseen)).toMatchObject([{ code: status.OK }, { code: status.OK }]);
    expect(client.pool.stats()).toMatchObject({ retriedCalls: 2, failedCalls: 1, succeededCalls: 2 });
  });
});
