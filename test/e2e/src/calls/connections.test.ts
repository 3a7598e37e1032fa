import { credentials, status } from '@grpc/grpc-js';
import { eventually, loadEchoPackage, startEchoServer, startFaultProxy } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { RecordedCall } from '../endings/recorded-call.js';

const { EchoClient } = loadEchoPackage();

it('makes four members on one host name exactly four connections, whatever comes', async () => {
  await using server = await startEchoServer();
  await using proxy = await startFaultProxy(server);
  await using client = createPooledClient(EchoClient, `localhost:${proxy.port}`, credentials.createInsecure(), {
    minChannels: 4,
    maxChannels: 4,
    onDispose: 'cancel',
    // Balances over addresses in an ordinary channel: here a member stays one connection.
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  });
  expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
  await eventually(() =>
    expect(client.pool.stats().channels.map((member) => member.state)).toEqual(Array(4).fill('ready')),
  );
  const calls = Array.from({ length: 200 }, () => new RecordedCall(client, 'unary', { request: { describe: true } }));
  for (const call of calls) expect((await call.outcome).code).toBe(status.OK);
  const peers = new Set(calls.map((call) => call.messages[0]?.details?.peer));
  expect(peers.size).toBe(4);
  expect([proxy.acceptedConnections, proxy.openConnections, proxy.peakConnections]).toEqual([4, 4, 4]);
  expect((await server.stats()).acceptedSessions).toBe(4);
  expect(client.pool.stats().channels.map((member) => member.startedCalls >= 40)).toEqual(Array(4).fill(true));
});

it('shares no connection with another pool of the same target and options', async () => {
  await using server = await startEchoServer();
  await using proxy = await startFaultProxy(server);
  const open = () => createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), { maxChannels: 1 });
  await using first = open();
  await using second = open();
  for (const client of [first, second, first, second]) {
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
  }
  expect(proxy.acceptedConnections).toBe(2);
});
