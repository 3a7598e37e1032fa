import { setImmediate as turn } from 'node:timers/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import { FakeClock, startScriptedPeer, type PeerConnection, type ScriptedPeer } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import type { ChannelPool } from '../channel-pool.js';
import { ChannelPoolRegistry, type PoolLease } from './channel-pool-registry.js';

const INSECURE = credentials.createInsecure();
/** Milliseconds that the other end has to close its side. */
const CLOSE_GRACE_MS = 100;

/** Keeps its side of a connection open when the other end has closed its own. */
const holdsOn = { onConnection: ({ socket }: PeerConnection): void => void (socket.allowHalfOpen = true) };

async function connected(registry: ChannelPoolRegistry, peer: ScriptedPeer, key?: string): Promise<PoolLease> {
  const lease = registry.acquire(peer.target, INSECURE, key);
  await lease.pool.warmUp();
  return lease;
}

/** Makes a call; resolves when it has its status. */
function call(pool: ChannelPool): Promise<unknown> {
  return new Promise((resolve) => {
    const one = pool.createCall('/a/b', Infinity, null, null, null);
    one.start(new Metadata(), { onReceiveMetadata() {}, onReceiveMessage() {}, onReceiveStatus: resolve });
    one.startRead();
    one.halfClose();
  });
}

/** Waits until a peer knows that the other end has closed its side. */
async function hasHeardTheEnd({ connections }: ScriptedPeer, index: number): Promise<void> {
  while (connections[index]?.socket.readableEnded !== true) await turn();
}

describe('the sockets of a registry at its bound', () => {
  it('are not more while one is being closed: the next connection waits until it is gone', async () => {
    const clock = new FakeClock();
    await using first = await startScriptedPeer(holdsOn);
    await using second = await startScriptedPeer();
    await using third = await startScriptedPeer();
    await using registry = new ChannelPoolRegistry({ maxIdleChannels: 1 }, { clock });
    (await connected(registry, first))[Symbol.dispose]();
    // One is idle and none is being closed: nobody waits.
    (await connected(registry, second))[Symbol.dispose]();
    expect(registry.stats()).toEqual({ pools: 1, leases: 0, channels: 2, idleChannels: 1 });

    const lease = registry.acquire(third.target, INSECURE);
    const warm = lease.pool.warmUp();
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(lease.pool.stats().channels).toEqual([]);
    expect(registry.stats()).toEqual({ pools: 2, leases: 1, channels: 2, idleChannels: 1 });
    first.connections[0]?.socket.end();
    await warm;
    expect(registry.stats()).toEqual({ pools: 2, leases: 1, channels: 2, idleChannels: 1 });
    lease[Symbol.dispose]();
  });

  it('make a connection wait no longer than a silent peer may take to close its side', async () => {
    const clock = new FakeClock();
    await using silent = await startScriptedPeer(holdsOn);
    await using other = await startScriptedPeer();
    await using registry = new ChannelPoolRegistry({ maxIdleChannelsPerTarget: 0 }, { clock });
    (await connected(registry, silent))[Symbol.dispose]();
    // Another target has a bound of its own.
    (await connected(registry, other))[Symbol.dispose]();
    const lease = registry.acquire(silent.target, INSECURE);
    const warm = lease.pool.warmUp();
    await hasHeardTheEnd(silent, 0);
    expect(lease.pool.stats().channels).toEqual([]);
    clock.advance(CLOSE_GRACE_MS);
    await warm;
    expect(silent.acceptedConnections).toBe(2);
    lease[Symbol.dispose]();
    await hasHeardTheEnd(silent, 1);
    clock.advance(CLOSE_GRACE_MS);
  });

  it('are not opened for load that was gone before there was a place', async () => {
    await using first = await startScriptedPeer(holdsOn);
    await using second = await startScriptedPeer();
    await using busy = await startScriptedPeer({ onRequestEnd: (connection, id) => connection.respond(id, {}) });
    await using registry = new ChannelPoolRegistry(
      { maxIdleChannels: 1, maxStreamsPerChannel: 1 },
      { clock: new FakeClock() },
    );
    const lease = await connected(registry, busy);
    (await connected(registry, first))[Symbol.dispose]();
    (await connected(registry, second))[Symbol.dispose]();
    // The call takes all the room there is; another connection must wait, and the call is over by then.
    await call(lease.pool);
    lease[Symbol.dispose]();
    first.connections[0]?.socket.end();
    while (registry.stats().channels > 1) await turn();
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(lease.pool.stats().channels).toHaveLength(1);
    expect(busy.acceptedConnections).toBe(1);
  });

  it('are counted anew when calls that still run open more', async () => {
    await using peer = await startScriptedPeer();
    await using registry = new ChannelPoolRegistry({
      maxIdleChannels: 3,
      maxChannels: 3,
      maxStreamsPerChannel: 1,
      onDispose: 'cancel',
    });
    const idle = await connected(registry, peer, 'idle');
    idle[Symbol.dispose]();
    const busy = registry.acquire(peer.target, INSECURE, 'busy');
    for (let calls = 0; calls < 3; calls += 1) void call(busy.pool);
    // The first of its three is being opened.
    busy[Symbol.dispose]();
    expect(registry.stats()).toMatchObject({ pools: 2, idleChannels: 2 });
    await peer.waitFor(({ openStreams }) => openStreams === 3);
    expect(idle.pool.stats().state).toBe('SHUTDOWN');
    expect(registry.stats()).toMatchObject({ pools: 1, idleChannels: 3 });
  });
});
