import { credentials, status } from '@grpc/grpc-js';
import {
  FakeClock,
  loadEchoPackage,
  startEchoServer,
  startScriptedPeer,
  type ScriptedPeer,
} from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, type ChannelStateChange, type ConnectionPolicy } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from './call-loop.js';
import { becomes, poolOf, told } from './pool-of.js';

const { EchoClient } = loadEchoPackage();
const INTERNAL_ERROR = 2;

/** A server that answers each call, or breaks its stream on those connections that a test names. */
async function startBreakingPeer(): Promise<ScriptedPeer & { readonly breaking: Set<number> }> {
  const breaking = new Set<number>();
  const peer = await startScriptedPeer({
    onRequestEnd: (connection, streamId) => {
      if (breaking.has(connection.id)) connection.send({ kind: 'rst-stream', streamId, code: INTERNAL_ERROR });
      else connection.respond(streamId, { messages: [Buffer.alloc(0)] });
    },
  });
  return Object.assign(peer, { breaking });
}

describe('a connection that breaks every stream', () => {
  it('gets no calls after the fifth in a row', async () => {
    await using peer = await startBreakingPeer();
    await using client = await poolOf(4, peer.target);
    peer.breaking.add(2);
    for (let calls = 0; calls < 100; calls += 1) await call(client);
    expect(told(client.changes)).toEqual(['2 ready → failed']);
    expect(client.changes[0]?.fault?.detail).toContain('Received RST_STREAM with code 2');
    expect(peer.connections[1]?.headersReceived).toBe(5);
    expect(peer.connections[1]?.isOpen).toBe(true);
    expect(client.pool.stats()).toMatchObject({ succeededCalls: 95, failedCalls: 5 });
  });

  it('is back in use after one call that it answers', async () => {
    await using peer = await startBreakingPeer();
    await using client = await poolOf(4, peer.target);
    peer.breaking.add(2);
    using loop = new CallLoop(4, () => call(client));
    const back = new Promise<void>((resolve) => {
      client.pool.onChannelStateChange(({ id, to }) => {
        if (to === 'failed') peer.breaking.delete(2);
        else if (id === 2 && to === 'ready') resolve();
      });
    });
    await back;
    await loop.stop();
    expect(told(client.changes)).toEqual(['2 ready → failed', '2 failed → ready']);
    // Those that were on it when the fifth failed.
    expect(loop.failed().length).toBeLessThanOrEqual(5 + 4);
    expect(new Set(loop.failed().map(({ code }) => code))).toEqual(new Set([status.INTERNAL]));
  });

  it('is asked for a sign of life before it is tried when a policy doubts it, though the others have room', async () => {
    await using peer = await startBreakingPeer();
    const doubts: ConnectionPolicy = {
      name: 'doubts',
      review: ({ channels }) => ({
        actions: channels
          .filter(({ state, inFlightCalls }) => state === 'failed' && inFlightCalls === 0)
          .map(({ id }) => ({ kind: 'verify', channelId: id, reason: 'the test doubts it' })),
        nextReviewMs: Infinity,
      }),
    };
    await using client = await poolOf(4, peer.target, { policies: [doubts] });
    peer.breaking.add(2);
    const ejected = becomes(client.pool, 2, 'failed');
    using loop = new CallLoop(2, () => call(client));
    await ejected;
    peer.breaking.delete(2);
    const asked = (): number => peer.connections[1]?.frames.filter(({ kind }) => kind === 'settings').length ?? 0;
    const before = asked();
    await becomes(client.pool, 2, 'ready');
    expect(asked()).toBe(before + 1);
    await loop.stop();
  });

  it('is used with all others when more than half of them do', async () => {
    await using peer = await startBreakingPeer();
    await using client = await poolOf(4, peer.target);
    for (const id of [1, 2, 3]) peer.breaking.add(id);
    for (let calls = 0; calls < 60; calls += 1) await call(client);
    expect(client.pool.stats().channels.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready', 'ready']);
    const before = peer.connections.map(({ headersReceived }) => headersReceived);
    for (let calls = 0; calls < 20; calls += 1) await call(client);
    const given = peer.connections.map(({ headersReceived }, index) => headersReceived - (before[index] ?? 0));
    expect(given).toEqual([5, 5, 5, 5]);
  });
});

describe('a server whose application fails every call', () => {
  it.each([status.UNAVAILABLE, status.INTERNAL, status.RESOURCE_EXHAUSTED, status.UNKNOWN, status.DATA_LOSS])(
    'by status %s has no connection ejected, whether headers came before or not',
    async (statusCode) => {
      await using server = await startEchoServer();
      // The pool's time stands still: it would eject the connections of a server that gets no processor for a second.
      const bounds = { minChannels: 4, maxChannels: 4, onDispose: 'cancel' } as const;
      const environment = { clock: new FakeClock() };
      await using pool = new ChannelPool(server.target, credentials.createInsecure(), bounds, environment);
      await pool.warmUp({ channels: 4 });
      const changes: ChannelStateChange[] = [];
      pool.onChannelStateChange((change) => changes.push(change));
      await using client = createPooledClient(EchoClient, pool);
      const statusDetails = 'Received RST_STREAM with code 2';
      using loop = new CallLoop(16, () => call(client, { statusCode, statusDetails }));
      using other = new CallLoop(16, () => call(client, { statusCode, statusDetails, sendInitialMetadata: true }));
      await server.waitFor(({ startedCalls }) => startedCalls > 1_000);
      await Promise.all([loop.stop(), other.stop()]);
      expect(changes).toEqual([]);
      expect(new Set([...loop.endings, ...other.endings].map(({ code }) => code))).toEqual(new Set([statusCode]));
    },
  );
});
