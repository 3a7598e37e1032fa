import { startEchoServer, startFaultProxy } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from './call-loop.js';
import { becomes, poolOf } from './pool-of.js';

describe('one connection of four that is slow', () => {
  it('is ejected, and comes back when it is as fast as the others', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = await poolOf(4, proxy.target);
    using loop = new CallLoop(40, () => call(client, { delayMs: 5 }));
    await server.waitFor(({ startedCalls }) => startedCalls > 1_000);
    proxy.connections[2]?.delay(150);
    const { from, reason } = await becomes(client.pool, 3, 'failed');
    expect(from).toBe('ready');
    expect(reason).toMatch(/^ejected: its answers take \d+ ms, where by those of the others \d+ ms are slow$/);
    // While the one that tries it is slow it stays out.
    const { startedCalls: givenBefore = 0 } = client.pool.stats().channels.find(({ id }) => id === 3) ?? {};
    await server.waitFor(({ startedCalls }) => startedCalls > 5_000);
    const { startedCalls: givenSince = 0 } = client.pool.stats().channels.find(({ id }) => id === 3) ?? {};
    expect(givenSince - givenBefore).toBeLessThanOrEqual(2);
    proxy.connections[2]?.restore();
    expect((await becomes(client.pool, 3, 'ready')).reason).toBe('it answered a call again');
    await loop.stop();
    expect(loop.failed()).toEqual([]);
    expect(new Set(client.changes.map(({ id }) => id))).toEqual(new Set([3]));
  });
});
