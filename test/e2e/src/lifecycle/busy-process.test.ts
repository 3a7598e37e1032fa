import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { credentials } from '@grpc/grpc-js';
import { ChannelPool, type ChannelStateChange } from '@grpc-manifold/channel-pool';
import { eventually, startScriptedPeer } from '@grpc-manifold/testing';
import { expect, it } from 'vitest';

/** Longer than an attempt may be unanswered for which nobody waits. */
const BUSY_MS = 1_200;

function beBusy(): void {
  for (const endMs = performance.now() + BUSY_MS; performance.now() < endMs;);
}

it('a process that is busy while it connects takes the connection that it then finds', async () => {
  await using peer = await startScriptedPeer({ settings: { maxConcurrentStreams: 10 } });
  await using pool = new ChannelPool(peer.target, credentials.createInsecure());
  const changes: ChannelStateChange[] = [];
  pool.onChannelStateChange((change) => changes.push(change));
  // Node tells of a socket just before it connects, which it does in the next tick.
  const onSocket = (): void => process.nextTick(() => process.nextTick(beBusy));
  subscribe('net.client.socket', onSocket);
  pool.getConnectivityState(true);
  await eventually(() => expect(changes.map(({ to }) => to)).toEqual(['ready']));
  unsubscribe('net.client.socket', onSocket);
  expect(pool.stats().lastFault).toBeUndefined();
});
