import { setImmediate as turn } from 'node:timers/promises';
import { credentials, status } from '@grpc/grpc-js';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { FakeClock, selfSignedCertificate, startScriptedPeer } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RawCall } from '../endings/raw-call.js';
import { ClientSockets } from '../interleavings/client-sockets.js';

/** More than grpc-js waits between its first attempts to connect. */
const WELL_PAST_BACKOFF_MS = 10_000;

/** More than it takes to make a socket. */
async function turns(): Promise<void> {
  for (let left = 5; left > 0; left -= 1) await turn();
}

// Those of grpc-js: the pool has a clock of its own, which stands still.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

// It looks at the sockets and the timers of this thread.
describe.skipIf(process.env['MANIFOLD_THREADS'])('a member whose connection could not be made', () => {
  it.each(['plain', 'TLS'])('makes no other when it is closed, nor after the end of its pool: %s', async (how) => {
    // A TLS client sees no certificate either.
    await using peer = await startScriptedPeer({ settings: 'never', onConnection: (connection) => connection.reset() });
    using sockets = new ClientSockets();
    const channelCredentials =
      how === 'TLS'
        ? credentials.createSsl(Buffer.from((await selfSignedCertificate()).cert))
        : credentials.createInsecure();
    const pool = new ChannelPool(peer.target, channelCredentials, { minChannels: 0 }, { clock: new FakeClock() });
    const call = new RawCall(pool, 'unary');
    call.start();
    expect(await call.outcome).toMatchObject({ code: status.UNAVAILABLE });
    expect([sockets.opened, pool.stats().channels]).toEqual([1, []]);

    vi.advanceTimersByTime(WELL_PAST_BACKOFF_MS);
    await turns();
    expect(sockets.opened).toBe(1);
    await pool.destroy();
    vi.advanceTimersByTime(WELL_PAST_BACKOFF_MS);
    await turns();
    expect(sockets.opened).toBe(1);
    expect(peer.acceptedConnections).toBe(1);
  });

  it('makes no other at once either, when that took longer than the backoff, and tells why', async () => {
    await using peer = await startScriptedPeer({ settings: 'never' });
    using sockets = new ClientSockets();
    const options = { minChannels: 0, connectTimeoutMs: Infinity };
    const pool = new ChannelPool(peer.target, credentials.createInsecure(), options, { clock: new FakeClock() });
    const call = new RawCall(pool, 'unary');
    call.start();
    // The client has begun to wait for SETTINGS.
    await peer.waitFor(({ connections }) => connections[0]?.frames.length === 1);
    vi.advanceTimersByTime(WELL_PAST_BACKOFF_MS);
    peer.connections[0]?.reset();
    expect(await call.outcome).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('ECONNRESET') as string,
    });
    await turns();
    expect([sockets.opened, peer.acceptedConnections]).toEqual([1, 1]);
    await pool.destroy();
    await turns();
    expect([sockets.opened, sockets.open]).toEqual([1, 0]);
  });
});
