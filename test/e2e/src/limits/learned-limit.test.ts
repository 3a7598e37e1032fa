import { credentials, Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool, type ChannelPoolOptions } from '@grpc-manifold/channel-pool';
import { startScriptedPeer, type PeerConnection, type ScriptedPeer } from '@grpc-manifold/testing';

const MESSAGE = Buffer.from([0, 0, 0, 0, 0]);

/** A raw call, and the status it ends with. */
function call(pool: ChannelPool): Promise<StatusObject> {
  return new Promise((resolve) => {
    const one = pool.createCall('/manifold.testing.v1.Echo/Unary', Infinity, null, null, null);
    one.start(new Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: () => undefined,
      onReceiveStatus: resolve,
    });
    one.startRead();
    one.sendMessageWithContext({}, MESSAGE);
    one.halfClose();
  });
}

/** Answers every call that the peer has, and those to come, until told to stop. */
function answerer(): { onRequestEnd(connection: PeerConnection, streamId: number): void; isAnswering: boolean } {
  return {
    isAnswering: true,
    onRequestEnd(connection, streamId) {
      if (this.isAnswering) setImmediate(() => connection.respond(streamId, { messages: [MESSAGE] }));
    },
  };
}

const open: (AsyncDisposable | ChannelPool)[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) {
    await (each instanceof ChannelPool ? each.destroy() : each[Symbol.asyncDispose]());
  }
});

async function setUp(
  maxConcurrentStreams: number | undefined,
  options: ChannelPoolOptions = {},
): Promise<{ peer: ScriptedPeer; pool: ChannelPool; answers: ReturnType<typeof answerer> }> {
  const answers = answerer();
  const settings = maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams };
  const peer = await startScriptedPeer({ settings, onRequestEnd: (...end) => answers.onRequestEnd(...end) });
  const pool = new ChannelPool(peer.target, credentials.createInsecure(), { maxChannels: 1, ...options });
  open.push(peer, pool);
  return { peer, pool, answers };
}

describe('a limit that the server sets', () => {
  it('holds from the first call of a burst on a cold connection, with nothing configured', async () => {
    const { peer, pool } = await setUp(7);
    const statuses = await Promise.all(Array.from({ length: 200 }, () => call(pool)));
    expect(statuses.map(({ code }) => code)).toEqual(statuses.map(() => status.OK));
    expect(peer.connections[0]?.peakOpenStreams).toBeLessThanOrEqual(7);
    expect(pool.stats().channels[0]).toMatchObject({ maxConcurrentStreams: 7, learnedFromServer: true });
  });

  it('holds on every connection of a pool that grows, and across a reconnect', async () => {
    const { peer, pool } = await setUp(7, { maxChannels: 4 });
    await Promise.all(Array.from({ length: 200 }, () => call(pool)));
    for (const connection of peer.connections) connection.end();
    await peer.waitFor(({ openConnections }) => openConnections === 0);
    const statuses = await Promise.all(Array.from({ length: 200 }, () => call(pool)));
    expect(statuses.filter(({ code }) => code !== status.OK)).toEqual([]);
    expect(peer.connections.length).toBeGreaterThan(4);
    for (const connection of peer.connections) expect(connection.peakOpenStreams).toBeLessThanOrEqual(7);
  });

  it('may be lowered below what runs: that runs on, and nothing more goes out until there is room', async () => {
    const { peer, pool, answers } = await setUp(7);
    answers.isAnswering = false;
    const calls = Array.from({ length: 30 }, () => call(pool));
    await peer.waitFor(({ openStreams }) => openStreams === 7);
    const connection = peer.connections[0] as PeerConnection;
    connection.sendSettings({ maxConcurrentStreams: 3 });
    await connection.waitFor(({ frames }) => frames.filter(({ kind }) => kind === 'settings-ack').length === 2);
    let overrun = 0;
    const before = connection.headersReceived;
    answers.onRequestEnd = (from, streamId) => {
      overrun = Math.max(overrun, from.openStreams);
      setImmediate(() => from.respond(streamId, { messages: [MESSAGE] }));
    };
    for (const streamId of [...connection.openStreamIds]) connection.respond(streamId, { messages: [MESSAGE] });
    const statuses = await Promise.all(calls);
    expect(statuses.filter(({ code }) => code !== status.OK)).toEqual([]);
    expect(connection.headersReceived - before).toBe(23);
    expect(overrun).toBeLessThanOrEqual(3);
  });

  it('may be raised: those who wait go out although no call has ended', async () => {
    const { peer, pool, answers } = await setUp(3);
    answers.isAnswering = false;
    const calls = Array.from({ length: 30 }, () => call(pool));
    await peer.waitFor(({ openStreams }) => openStreams === 3);
    const connection = peer.connections[0] as PeerConnection;
    connection.sendSettings({ maxConcurrentStreams: 20 });
    await peer.waitFor(({ openStreams }) => openStreams === 20);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 20, queuedCalls: 10 });
    answers.isAnswering = true;
    for (const streamId of [...connection.openStreamIds]) connection.respond(streamId, { messages: [MESSAGE] });
    await Promise.all(calls);
    expect(connection.peakOpenStreams).toBe(20);
  });

  it('is a thousand at the most where the server sets none, asked for life every hundred calls', async () => {
    const { peer, pool, answers } = await setUp(undefined, { queue: { maxQueuedCalls: 2_000 } });
    answers.isAnswering = false;
    const calls = Array.from({ length: 1_500 }, () => call(pool));
    await peer.waitFor(({ openStreams }) => openStreams === 1_000);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 1_000, queuedCalls: 500 });
    await pool.destroy();
    await Promise.all(calls);
  });

  it('is no more than what is configured', async () => {
    const { peer, pool, answers } = await setUp(50, { maxStreamsPerChannel: 5 });
    answers.isAnswering = false;
    const calls = Array.from({ length: 20 }, () => call(pool));
    await peer.waitFor(({ openStreams }) => openStreams === 5);
    expect(pool.stats().channels[0]).toMatchObject({ maxConcurrentStreams: 5, learnedFromServer: false });
    await pool.destroy();
    await Promise.all(calls);
    expect(peer.connections[0]?.peakOpenStreams).toBe(5);
  });
});
