import { startEchoServer, startFaultProxy } from '@grpc-manifold/testing';
import { keepalive } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from '../ejection/call-loop.js';
import { changed, poolOf } from '../ejection/pool-of.js';

const WORKERS = 16;

describe('one of four connections that becomes a black hole under load, with keepalive', () => {
  it('ends the calls that are on it, and no later one', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = await poolOf(4, proxy.target, {
      policies: [keepalive({ timeMs: 1_000, timeoutMs: 500, belowMinimum: 'allow' })],
      // Nothing but the policy is to notice.
      ejectOutliers: false,
    });
    // Without deadlines: a call that nobody ends hangs for ever, and its worker with it.
    using loop = new CallLoop(WORKERS, () => call(client, { delayMs: 5 }));
    await server.waitFor(({ startedCalls }) => startedCalls > 400);
    const lost = changed(client.pool, ({ fault }) => fault !== undefined);
    proxy.connections[1]?.blackHole();
    expect(await lost).toMatchObject({ id: 2, fault: { tag: 'keepalive-timeout' } });
    const lostMs = performance.now();
    const { startedCalls: before } = await server.stats();
    await server.waitFor(({ startedCalls }) => startedCalls > before + 1_000);
    await loop.stop();
    const failed = loop.failed();
    expect(failed.length).toBeGreaterThan(0);
    // Each worker has one call at a time, and one that is on the black hole stays there.
    expect(failed.length).toBeLessThanOrEqual(WORKERS);
    expect(new Set(failed.map(({ explanation }) => `${explanation?.fault?.tag} on ${explanation?.channelId}`))).toEqual(
      new Set(['keepalive-timeout on 2']),
    );
    expect(loop.failed(lostMs)).toEqual([]);
    expect(new Set(client.changes.flatMap(({ id, fault }) => (fault === undefined ? [] : [id])))).toEqual(new Set([2]));
  });
});
