import { startEchoServer, startScriptedPeer, timePasses } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from './call-loop.js';
import { poolOf } from './pool-of.js';

/** Milliseconds in which a connection that is silent would have been ejected three times over. */
const LONG_MS = 4_000;

describe('connections that are healthy', () => {
  it('are not ejected for quiet streams that wait for their first answer, beside quick calls', async () => {
    await using server = await startEchoServer();
    await using client = await poolOf(4, server.target);
    const streams = Array.from({ length: 20 }, () => client.bidi().on('error', () => undefined));
    await server.waitFor(({ openCalls }) => openCalls === streams.length);
    using loop = new CallLoop(2, () => call(client));
    await timePasses(LONG_MS, 'a silent connection would be ejected by now');
    await loop.stop();
    expect(client.changes).toEqual([]);
    for (const stream of streams) stream.cancel();
  });

  it('are not ejected for quiet streams alone, and asked for a sign of life once, not again and again', async () => {
    await using peer = await startScriptedPeer();
    await using client = await poolOf(4, peer.target);
    const streams = Array.from({ length: 8 }, () => client.bidi().on('error', () => undefined));
    await peer.waitFor(({ openStreams }) => openStreams === streams.length);
    await timePasses(LONG_MS, 'a silent connection would be ejected by now');
    expect(client.changes).toEqual([]);
    for (const { frames } of peer.connections) {
      // The client's own at the start, and the question.
      expect(frames.filter(({ kind }) => kind === 'settings').length).toBeLessThanOrEqual(2);
    }
    for (const stream of streams) stream.cancel();
  });

  it('are not ejected for slow calls, whoever gets them, beside quick ones', async () => {
    await using server = await startEchoServer();
    await using client = await poolOf(4, server.target, { picker: 'power-of-two' });
    using quick = new CallLoop(8, () => call(client));
    using slow = new CallLoop(8, () => call(client, { delayMs: 1_500 }));
    using rare = new CallLoop(1, () => call(client, { hang: true }, 3_000));
    await timePasses(LONG_MS, 'a silent connection would be ejected by now');
    await Promise.all([quick.stop(), slow.stop(), rare.stop()]);
    expect(client.changes).toEqual([]);
  });

  it('are not ejected because this process was busy for three seconds', async () => {
    await using server = await startEchoServer();
    await using client = await poolOf(4, server.target);
    using loop = new CallLoop(32, () => call(client, { delayMs: 5 }));
    for (let times = 0; times < 2; times += 1) {
      const { startedCalls: before } = client.pool.stats();
      await server.waitFor(({ startedCalls }) => startedCalls > before + 500);
      const untilMs = performance.now() + 3_000;
      while (performance.now() < untilMs);
    }
    await timePasses(1_000, 'what the pause brought to light would eject by now');
    await loop.stop();
    expect(client.changes).toEqual([]);
    expect(loop.failed()).toEqual([]);
  });
});
