import { status } from '@grpc/grpc-js';
import { eventually, startEchoServer, startFaultProxy } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { call, CallLoop } from './call-loop.js';
import { becomes, changed, poolOf, told } from './pool-of.js';

const WORKERS = 16;
/** So long that only the silent connection makes a call late, on a busy machine too. */
const DEADLINE_MS = 5_000;

describe('one connection of four that is black-holed under load, without a keepalive', () => {
  it('costs the calls that it had before it was ejected, no later ones, and is replaced', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = await poolOf(4, proxy.target);
    using loop = new CallLoop(WORKERS, () => call(client, { delayMs: 5 }, DEADLINE_MS));
    await server.waitFor(({ startedCalls }) => startedCalls > 400);
    const faultMs = performance.now();
    proxy.connections[1]?.blackHole();
    const ejection = becomes(client.pool, 2, 'failed');
    const { from, reason } = await ejection;
    const ejectedMs = performance.now();
    expect(from).toBe('ready');
    expect(reason).toMatch(/^ejected: nothing was heard of it for \d+ ms while calls waited$/);
    await becomes(client.pool, 5, 'ready');
    const { startedCalls: before } = client.pool.stats();
    await eventually(() => expect(client.pool.stats().startedCalls).toBeGreaterThan(before + 1_000));
    const endings = await loop.stop();
    const failed = loop.failed();
    // Each worker has one call at a time, and a call that hangs does so for longer than it takes to eject.
    expect(failed.length).toBeLessThanOrEqual(2 * WORKERS);
    expect(new Set(failed.map(({ code, channelId }) => `${status[code]} on ${channelId}`))).toEqual(
      new Set(['DEADLINE_EXCEEDED on 2']),
    );
    expect(loop.failed(ejectedMs)).toEqual([]);
    expect(told(client.changes)).toEqual(expect.arrayContaining(['2 ready → failed', '2 failed → draining']));
    expect(client.changes.filter(({ id, to }) => id !== 2 && to !== 'ready')).toEqual([]);
    const lastMs = Math.max(...failed.map(({ endedMs }) => endedMs));
    console.log(
      `black hole: ${failed.length} of ${endings.length} calls failed, ejected after ${Math.round(ejectedMs - faultMs)} ms, ` +
        `the last failed after ${Math.round(lastMs - faultMs)} ms`,
    );
  });

  it('comes back when it is heard of again', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using client = await poolOf(4, proxy.target);
    using loop = new CallLoop(WORKERS, () => call(client, { delayMs: 5 }, DEADLINE_MS));
    await server.waitFor(({ startedCalls }) => startedCalls > 400);
    proxy.connections[1]?.blackHole();
    await becomes(client.pool, 2, 'failed');
    const ejectedMs = performance.now();
    proxy.connections[1]?.restore();
    const { to } = await changed(client.pool, ({ id }) => id === 2);
    expect(to).toBe('ready');
    await loop.stop();
    expect(loop.failed(ejectedMs)).toEqual([]);
    expect(proxy.acceptedConnections).toBe(4);
  });
});
