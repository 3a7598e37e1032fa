import { credentials, makeClientConstructor, Client, status, type ServiceError } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { WrittenEchoClient } from './written-echo-client.js';

const insecure = credentials.createInsecure();
const { EchoClient, service } = loadEchoPackage();
let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe('a pooled client of a class from proto-loader', () => {
  it.each(KINDS)('makes %s calls and is the class itself', async (kind) => {
    await using client = createPooledClient(EchoClient, server.target, insecure);
    expect(client).toBeInstanceOf(EchoClient);
    expect(client.pool).toBeInstanceOf(ChannelPool);
    expect(client.getChannel()).toBe(client.pool);
    const call = new RecordedCall(client, kind, { request: { payload: Buffer.from('hello') } });
    expect(await call.outcome).toMatchObject({ code: status.OK });
    call.expectOneOutcome();
    expect(client.pool.stats()).toMatchObject({ startedCalls: 1, succeededCalls: 1 });
  });
});

describe('a pooled client of a class as generators write them', () => {
  it('makes all four kinds of call, typed', async () => {
    await using client = createPooledClient(WrittenEchoClient, server.target, insecure);
    expect(client).toBeInstanceOf(WrittenEchoClient);
    expectTypeOf(client).toExtend<WrittenEchoClient>();
    const payload = Buffer.from('hello');
    const unary = await new Promise<string>((resolve) =>
      client.unary({ payload }, (_error: ServiceError | null, response) => resolve(String(response?.payload))),
    );
    const clientStream = await new Promise<string>((resolve) => {
      const call = client.clientStream((_error: ServiceError | null, response) => resolve(String(response?.payload)));
      call.write({ payload });
      call.end();
    });
    const texts: string[] = [];
    for await (const response of client.serverStream({ payload, responseCount: 2 })) {
      texts.push(String((response as { payload: Buffer }).payload));
    }
    const bidi = client.bidi();
    bidi.end({ payload });
    for await (const response of bidi) texts.push(String((response as { payload: Buffer }).payload));
    expect([unary, clientStream, ...texts]).toEqual(Array(5).fill('hello'));
  });
});

describe('createPooledClient', () => {
  it('refuses a service with an RPC called pool, and says what to do', () => {
    const Pools = makeClientConstructor({ pool: service.Unary }, 'Pools');
    expect(() => createPooledClient(Pools, server.target, insecure)).toThrow(
      /has an RPC called 'pool'.*channelOverride/s,
    );
  });

  it('opens nothing before the first call', async () => {
    await using client = createPooledClient(EchoClient, server.target, insecure);
    expect(client.pool.stats()).toMatchObject({ state: 'IDLE', channels: [] });
    expect(client).toBeInstanceOf(Client);
  });

  it('closes the pool that it made by the close of the client', async () => {
    const client = createPooledClient(EchoClient, server.target, insecure);
    await new RecordedCall(client, 'unary').outcome;
    client.close();
    expect(client.pool.stats().state).toBe('SHUTDOWN');
    expect(await client.pool.drain()).toMatchObject({ closedChannels: 1, cancelledCalls: 0 });
  });
});
