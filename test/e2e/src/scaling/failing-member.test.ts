import { once } from 'node:events';
import { credentials, Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { startEchoServer, startFaultProxy } from '@grpc-manifold/testing';

const CALLERS = 32;

function call(pool: ChannelPool): Promise<StatusObject> {
  return new Promise((resolve) => {
    const one = pool.createCall('/manifold.testing.v1.Echo/Unary', Infinity, null, null, null);
    one.start(new Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: () => undefined,
      onReceiveStatus: resolve,
    });
    one.startRead();
    one.sendMessageWithContext({}, Buffer.alloc(0));
    one.halfClose();
  });
}

it('a member that is lost and cannot be replaced costs the calls that were on it, and no others', async () => {
  await using server = await startEchoServer();
  await using proxy = await startFaultProxy(server);
  await using pool = new ChannelPool(proxy.target, credentials.createInsecure(), { minChannels: 4, maxChannels: 4 });
  await pool.warmUp({ channels: 4 });
  let isDetected = false;
  let isOver = false;
  const after = { calls: 0, failed: 0 };
  const failed = new AbortController();
  pool.onChannelStateChange(({ to, fault }) => {
    // A reset is told as one where Node met it before the loss was told.
    isDetected ||= fault?.tag === 'dropped' || fault?.tag === 'reset';
    if (to === 'failed') failed.abort();
  });
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const wasDetected = isDetected;
      const { code } = await call(pool);
      if (!wasDetected) continue;
      after.calls += 1;
      if (code !== status.OK) after.failed += 1;
    }
  });
  proxy.refuseNew();
  proxy.connections[0]?.reset();
  // The first attempt to replace it was refused: from now on the pool lives with three.
  if (!failed.signal.aborted) await once(failed.signal, 'abort');
  while (after.calls < 1_000) await call(pool);
  isOver = true;
  await Promise.all(callers);
  expect(after.failed).toBe(0);
  expect(pool.stats()).toMatchObject({ state: 'READY' });
  expect(pool.stats().channels.filter(({ state }) => state === 'ready')).toHaveLength(3);
});
