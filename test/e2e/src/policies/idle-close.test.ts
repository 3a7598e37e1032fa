import { credentials } from '@grpc/grpc-js';
import {
  type EchoClient,
  leakCheck,
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  timePasses,
} from '@grpc-manifold/testing';
import { createPooledClient, idleClose, type PooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { whenTold } from './when-told.js';

const MEMBERS = 4;

/** One stream on each connection, ended one after the other. Says in which order the connections were used last. */
async function useAll(client: PooledClient<EchoClient>): Promise<number[]> {
  const busy = (): number[] =>
    client.pool.stats().channels.flatMap((each) => (each.inFlightCalls > 0 ? [each.id] : []));
  const order: number[] = [];
  const calls = Array.from({ length: MEMBERS }, () => client.bidi());
  for (const call of calls) {
    call.on('data', () => undefined);
    await new Promise((resolve) => call.write({ payload: Buffer.from('hello') }, resolve));
  }
  for (const call of calls) {
    const before = busy();
    const over = new Promise((resolve) => call.on('end', resolve));
    call.end();
    await over;
    order.push(...before.filter((id) => !busy().includes(id)));
    await timePasses(20, 'no two were used at the same moment');
  }
  return order;
}

it.each([
  ['closes all that are idle', { minChannels: 0 }, { idleTimeoutMs: 200 }, 0],
  ['keeps as many as have to stay, those that were used last', { minChannels: 2 }, { idleTimeoutMs: 200 }, 2],
  ['keeps as many idle ones as there may be', { minChannels: 0 }, { maxIdleChannels: 1 }, 1],
] as const)('%s, sockets and all', async (_what, pool, options, left) => {
  const check = leakCheck();
  {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    // Or the first would be closed while the last one connects, on a busy machine.
    const { policy, begin } = whenTold(idleClose(options));
    await using client = createPooledClient(loadEchoPackage().EchoClient, proxy.target, credentials.createInsecure(), {
      ...pool,
      maxChannels: MEMBERS,
      maxStreamsPerChannel: 1,
      policies: [policy],
    });
    await client.pool.warmUp({ channels: MEMBERS });
    begin();
    const order = await useAll(client);
    await proxy.waitFor(({ openConnections }) => openConnections === left);
    await server.waitFor(({ sessions }) => sessions === left);
    expect(order).toHaveLength(MEMBERS);
    expect(client.pool.stats().channels.map(({ id }) => id)).toEqual(order.slice(MEMBERS - left).sort());
    expect(client.pool.stats()).toMatchObject({ succeededCalls: MEMBERS, failedCalls: 0 });
    expect(proxy.acceptedConnections).toBe(MEMBERS);
  }
  await check.expectNothingLeft();
});
