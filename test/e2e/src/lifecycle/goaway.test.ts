import { credentials, status } from '@grpc/grpc-js';
import {
  type EchoClient,
  eventually,
  leakCheck,
  loadEchoPackage,
  type PeerConnection,
  startScriptedPeer,
} from '@grpc-manifold/testing';
import {
  createPooledClient,
  explain,
  type CallExplanation,
  type PoolAlarm,
  type PooledClientOptions,
} from 'grpc-manifold';
import { describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();
/** A message of no bytes is an `EchoResponse` of defaults. */
const ANSWER = { messages: [Buffer.alloc(0)] };
const NO_ERROR = 0;
/** No time is lost after a server that goes away soon. */
const FAST_BACKOFF = {
  channelOptions: { 'grpc.initial_reconnect_backoff_ms': 20, 'grpc.max_reconnect_backoff_ms': 20 },
} satisfies PooledClientOptions;

interface Ending {
  readonly code: status;
  readonly details: string;
  readonly explanation: CallExplanation | undefined;
}

function call(client: EchoClient): Promise<Ending> {
  return new Promise((resolve) => {
    client.unary({}, (error) =>
      resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', explanation: explain(error) }),
    );
  });
}

/** Settles with what a promise has come to, or 'pending'. */
function now<T>(promise: Promise<T>): Promise<T | 'pending'> {
  return Promise.race([promise, new Promise<'pending'>((resolve) => setImmediate(resolve, 'pending'))]);
}

describe('GOAWAY', () => {
  it('lets calls in flight finish on the connection that drains while a new one takes over', async () => {
    await using peer = await startScriptedPeer();
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), {
      ...FAST_BACKOFF,
      maxChannels: 1,
      onDispose: 'cancel',
    });
    const old = Array.from({ length: 5 }, () => call(client));
    await peer.waitFor(({ openStreams }) => openStreams === 5);
    const first = peer.connections[0] as PeerConnection;
    const oldStreams = first.openStreamIds;
    first.sendGoaway(NO_ERROR);
    await eventually(() => expect(client.pool.stats().channels[0]?.state).toBe('draining'));

    const fresh = Array.from({ length: 3 }, () => call(client));
    await peer.waitFor(({ connections }) => connections[1]?.headersReceived === 3);
    const second = peer.connections[1] as PeerConnection;
    // Nothing new came on the old one, and what was on it is still there.
    expect([first.headersReceived, first.openStreamIds]).toEqual([5, oldStreams]);
    expect(client.pool.stats().channels.map(({ state, inFlightCalls }) => [state, inFlightCalls])).toEqual([
      ['draining', 5],
      ['ready', 3],
    ]);

    for (const id of second.openStreamIds) second.respond(id, ANSWER);
    expect((await Promise.all(fresh)).map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await now(Promise.race(old))).toBe('pending');
    for (const id of oldStreams) first.respond(id, ANSWER);
    expect((await Promise.all(old)).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    // The last call has ended: nothing keeps the old connection.
    await peer.waitFor(() => !first.isOpen);
    expect(client.pool.stats().channels.map(({ id, state }) => [id, state])).toEqual([[2, 'ready']]);
    expect(client.pool.stats()).toMatchObject({ succeededCalls: 8, failedCalls: 0, inFlightCalls: 0 });
  });

  it('to an idle connection closes it, and the next call finds a new one', async () => {
    await using peer = await startScriptedPeer({ onRequestEnd: (connection, id) => connection.respond(id, ANSWER) });
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), FAST_BACKOFF);
    expect(await call(client)).toMatchObject({ code: status.OK });
    const first = peer.connections[0] as PeerConnection;
    first.sendGoaway(NO_ERROR);
    await peer.waitFor(() => !first.isOpen);
    expect(await call(client)).toMatchObject({ code: status.OK });
    expect(peer.acceptedConnections).toBe(2);
  });

  it.each([{}, { minChannels: 4 }, { maxDrainingChannels: 1 }] as PooledClientOptions[])(
    'on forty connections, each with a stream that goes on, ends none of them, with %o',
    async (options) => {
      await using peer = await startScriptedPeer();
      await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), {
        ...FAST_BACKOFF,
        onDispose: 'cancel',
        ...options,
      });
      const alarms: PoolAlarm[] = [];
      client.pool.onAlarm((alarm) => alarms.push(alarm));
      const told = new Set<PeerConnection>();
      const calls: Promise<Ending>[] = [];
      for (let count = 1; count <= 40; count += 1) {
        calls.push(call(client));
        await peer.waitFor(({ openStreams }) => openStreams === count);
        const carrier = peer.connections.find((each) => each.openStreams > 0 && !told.has(each)) as PeerConnection;
        told.add(carrier);
        carrier.sendGoaway(NO_ERROR);
        await eventually(() => expect(client.pool.stats().drainingChannels).toBe(count));
      }
      expect(await now(Promise.race(calls))).toBe('pending');
      const most = options.maxDrainingChannels ?? 10;
      const drainingChannels = most + 1;
      expect(alarms).toEqual([
        { reason: 'draining', drainingChannels, maxDrainingChannels: most, inFlightCalls: drainingChannels },
      ]);
      for (const connection of peer.connections) {
        for (const id of connection.openStreamIds) connection.respond(id, ANSWER);
      }
      expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array(40).fill(status.OK));
      await eventually(() => expect(client.pool.stats().drainingChannels).toBe(0));
    },
  );

  it('has the calls that it refuses tried on another connection, and the one that drains connects to nobody', async () => {
    await using peer = await startScriptedPeer();
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), {
      ...FAST_BACKOFF,
      maxChannels: 1,
      onDispose: 'cancel',
    });
    const calls = Array.from({ length: 5 }, () => call(client));
    await peer.waitFor(({ openStreams }) => openStreams === 5);
    const first = peer.connections[0] as PeerConnection;
    const [kept, ...refused] = first.openStreamIds as [number, ...number[]];
    first.sendGoaway(NO_ERROR, kept);
    await peer.waitFor(({ connections }) => connections[1]?.headersReceived === refused.length);
    const second = peer.connections[1] as PeerConnection;
    for (const id of second.openStreamIds) second.respond(id, ANSWER);
    first.respond(kept, ANSWER);
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    await peer.waitFor(() => !first.isOpen);
    expect(peer.acceptedConnections).toBe(2);
    expect(client.pool.stats()).toMatchObject({ retriedCalls: refused.length, succeededCalls: 5 });
  });

  it('that refuses a call again and again fails it with the tenth connection that refuses it', async () => {
    const attempts = 10;
    await using peer = await startScriptedPeer({
      onRequestEnd: (connection) => connection.sendGoaway(NO_ERROR, 0),
    });
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), {
      ...FAST_BACKOFF,
      maxChannels: 1,
    });
    expect(await call(client)).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(
        /^Not processed by any of 10 connections, of the last: the server said GOAWAY, NO_ERROR; (waited \d+ ms, )?tried again on connection 10, fault goaway$/,
      ) as string,
      explanation: { fault: { tag: 'goaway' }, retriedOn: attempts, channelId: attempts },
    });
    expect(peer.headersReceived).toBe(attempts);
    expect(client.pool.stats()).toMatchObject({ retriedCalls: attempts - 1, failedCalls: 1, inFlightCalls: 0 });
  });

  it('to a connection whose peer then falls silent does not let the pool end before its socket is closed', async () => {
    await using peer = await startScriptedPeer();
    using leaks = leakCheck();
    const client = createPooledClient(Client, peer.target, credentials.createInsecure(), { minChannels: 0 });
    const open = call(client);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    const connection = peer.connections[0] as PeerConnection;
    connection.sendGoaway(NO_ERROR);
    await eventually(() => expect(client.pool.stats().channels[0]?.state).toBe('draining'));
    connection.stopReading();
    const report = await client.pool.destroy();
    // What the client opened; the peer, which does not read, does not learn that it is gone.
    expect(leaks.leftovers().filter((left) => left.includes('connecting'))).toEqual([]);
    expect(report).toMatchObject({ cancelledCalls: 1, closedChannels: 1, forcedSockets: 1 });
    expect(await open).toMatchObject({ code: status.CANCELLED });
  });

  it('again and again costs no call: each is answered by whichever connection has it', async () => {
    // Every connection says goodbye with its tenth answer.
    const answers = new Map<PeerConnection, number>();
    await using peer = await startScriptedPeer({
      onRequestEnd: (connection, id) => {
        connection.respond(id, ANSWER);
        const count = (answers.get(connection) ?? 0) + 1;
        answers.set(connection, count);
        if (count === 10) connection.sendGoaway(NO_ERROR, 0x7fffffff);
      },
    });
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), {
      ...FAST_BACKOFF,
      maxChannels: 2,
    });
    const codes: status[] = [];
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        for (let left = 20; left > 0; left -= 1) codes.push((await call(client)).code);
      }),
    );
    expect(codes).toEqual(Array(100).fill(status.OK));
    expect(peer.acceptedConnections).toBeGreaterThanOrEqual(5);
    console.log(`100 calls over ${peer.acceptedConnections} connections that said GOAWAY after ten`);
  });
});
