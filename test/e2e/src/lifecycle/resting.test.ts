import { credentials, status } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, startFaultProxy, type EchoServer } from '@grpc-manifold/testing';
import { createPooledClient, type PooledClientOptions } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecordedCall } from '../endings/recorded-call.js';

const { EchoClient } = loadEchoPackage();
const INSECURE = credentials.createInsecure();

describe.each([
  ['in this thread', 20, {}],
  ['in threads', 2, { threads: 1 }],
] as const)('clients that nobody closes, %s', (_where, count, threads) => {
  let server: EchoServer;

  beforeAll(async () => {
    server = await startEchoServer();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('have no connection once they were idle, and make none until their next call', async () => {
    await using proxy = await startFaultProxy(server);
    const options: PooledClientOptions = { 'grpc.client_idle_timeout_ms': 1_000, ...threads };
    const clients = Array.from({ length: count }, () =>
      createPooledClient(EchoClient, proxy.target, INSECURE, options),
    );
    for (const round of [1, 2]) {
      const calls = clients.map((client) => new RecordedCall(client, 'unary'));
      for (const call of calls) expect((await call.outcome).code).toBe(status.OK);
      await proxy.waitFor((now) => now.openConnections === 0);
      expect(proxy.acceptedConnections).toBe(count * round);
    }
    for (const client of clients) {
      expect(client.pool.stats()).toMatchObject({ state: 'IDLE', channels: [] });
      client.close();
    }
  });
});

describe('a server that ends connections without calls', () => {
  it('is not called upon again until the next call, unless the user has set minChannels', async () => {
    // Only a server of grpc-js takes its options. Longer than a busy machine needs from a connection to its first call.
    await using server = await startEchoServer({ serverOptions: { 'grpc.max_connection_idle_ms': 1_000 } }, 'grpc-js');
    await using idle = await startFaultProxy(server);
    await using kept = await startFaultProxy(server);
    await using client = createPooledClient(EchoClient, idle.target, INSECURE);
    await using keeper = createPooledClient(EchoClient, kept.target, INSECURE, { minChannels: 1 });
    for (const each of [client, keeper]) expect((await new RecordedCall(each, 'unary').outcome).code).toBe(status.OK);
    await idle.waitFor((now) => now.openConnections === 0);
    await kept.waitFor((now) => now.acceptedConnections >= 2);
    expect(idle.acceptedConnections).toBe(1);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    expect(idle.acceptedConnections).toBe(2);
  });
});
