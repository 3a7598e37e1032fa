import { credentials } from '@grpc/grpc-js';
import {
  eventually,
  loadEchoPackage,
  type ProxiedConnection,
  startEchoServer,
  startFaultProxy,
  timePasses,
} from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();
const BACKOFF_MS = 50;

// grpc-js tries an address that refused a connection once again after its backoff, though it serves from another by
// then and has let go of that one: `Subchannel.unref` stops what connects and what is connected, but not what waits for
// its backoff.
it('has one socket a connection, also where the first of two addresses refused it at first', async () => {
  await using server = await startEchoServer();
  await using first = await startFaultProxy(server);
  await using second = await startFaultProxy(server);
  first.refuseNew();
  await using client = createPooledClient(
    Client,
    `ipv4:${first.target},${second.target}`,
    credentials.createInsecure(),
    {
      maxChannels: 1,
      onDispose: 'cancel',
      'grpc.initial_reconnect_backoff_ms': BACKOFF_MS,
      'grpc.max_reconnect_backoff_ms': BACKOFF_MS,
    },
  );
  await client.pool.warmUp();
  await first.acceptNew();
  await timePasses(4 * BACKOFF_MS, 'the address that refused would be tried again');
  expect(client.pool.stats().channels).toHaveLength(1);
  expect(first.openConnections + second.openConnections).toBe(1);
});

it('has one socket a connection, also where two addresses answer at once', async () => {
  await using server = await startEchoServer();
  // Both say nothing for so long that grpc-js tries the second beside the first, and then all at once.
  const held: ProxiedConnection[] = [];
  const onConnection = (connection: ProxiedConnection): void => {
    connection.blackHole();
    held.push(connection);
  };
  await using first = await startFaultProxy(server, { onConnection });
  await using second = await startFaultProxy(server, { onConnection });
  await using client = createPooledClient(
    Client,
    `ipv4:${first.target},${second.target}`,
    credentials.createInsecure(),
    { maxChannels: 1, onDispose: 'cancel' },
  );
  const warm = client.pool.warmUp();
  await eventually(() => expect(held).toHaveLength(2));
  for (const connection of held) connection.restore();
  await warm;
  expect(client.pool.stats().channels).toHaveLength(1);
  await eventually(() => expect(first.openConnections + second.openConnections).toBe(1));
});
