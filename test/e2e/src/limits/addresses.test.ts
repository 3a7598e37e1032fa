import { credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { startScriptedPeer } from '@grpc-manifold/testing';

/** A service config that asks for what a pool does itself. */
const ROUND_ROBIN = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

describe('a target with several addresses', () => {
  it.each([
    ['without a service config', {}],
    ['with round_robin in the service config', { 'grpc.service_config': ROUND_ROBIN }],
  ])('gets one connection a member, spread over the addresses, %s', async (_what, channelOptions) => {
    await using first = await startScriptedPeer();
    await using second = await startScriptedPeer();
    await using third = await startScriptedPeer();
    const peers = [first, second, third];
    const target = `ipv4:${peers.map((peer) => peer.target).join(',')}`;
    await using pool = new ChannelPool(target, credentials.createInsecure(), {
      minChannels: 4,
      maxChannels: 4,
      channelOptions,
    });
    await pool.warmUp({ channels: 4 });
    expect(peers.map(({ openConnections }) => openConnections).sort()).toEqual([1, 1, 2]);
    expect(pool.stats().channels.map(({ peer }) => peer)).toHaveLength(4);
  });

  it('is reached by its other addresses when the first is dead', async () => {
    await using alive = await startScriptedPeer();
    const gone = await startScriptedPeer();
    const deadTarget = gone.target;
    await gone[Symbol.asyncDispose]();
    await using pool = new ChannelPool(`ipv4:${deadTarget},${alive.target}`, credentials.createInsecure(), {
      minChannels: 4,
      maxChannels: 4,
    });
    await pool.warmUp({ channels: 4 });
    expect(alive.openConnections).toBe(4);
  });
});
