import { credentials, status, type ChannelOptions, type ServiceError } from '@grpc/grpc-js';
import { eventually, loadEchoPackage, startEchoServer, type EchoClient, type EchoServer } from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();

/** Written so, grpc-js 1.14 reads a fraction of a second as it is meant. */
const TIMEOUT = { seconds: 0, nanos: 200_000_000 };
const SERVICE_CONFIG: ChannelOptions = {
  'grpc.service_config': JSON.stringify({
    methodConfig: [
      {
        name: [{ service: 'manifold.testing.v1.Echo', method: 'Unary' }],
        timeout: TIMEOUT,
        maxRequestMessageBytes: 100,
      },
    ],
  }),
};

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer({ maxConcurrentStreams: 1 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const WAYS: Readonly<Record<string, () => EchoClient>> = {
  plain: () => new Client(server.target, credentials.createInsecure(), SERVICE_CONFIG),
  pooled: () => open(0),
  'pooled in threads': () => open(1),
};

function open(threads: number): PooledClient<EchoClient> {
  const options = { ...SERVICE_CONFIG, threads, maxChannels: 1, onDispose: 'cancel' } as const;
  return createPooledClient(Client, server.target, credentials.createInsecure(), options);
}

/** The pool knows that its one connection carries one stream. */
async function learned({ pool }: PooledClient<EchoClient>): Promise<void> {
  await eventually(() => expect(pool.stats().channels[0]?.maxConcurrentStreams).toBe(1));
}

function failure(client: EchoClient, payload = ''): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    client.unary({ hang: true, payload: Buffer.from(payload) }, (error) =>
      error === null ? reject(new Error('it went well')) : resolve(error),
    );
  });
}

describe.each(Object.entries(WAYS))('a method config with a timeout, %s', (way, make) => {
  it('ends a call whose stream another has, and one that runs', async () => {
    const client = make();
    // Of another method: it has no timeout, and the one stream of the server.
    const taken = client.serverStream({ hang: true });
    const ended = new Promise((resolve) => taken.on('error', resolve));
    await server.waitFor(({ openCalls }) => openCalls === 1);
    if ('pool' in client) await learned(client as PooledClient<EchoClient>);
    const waiting = await failure(client);
    expect(waiting.code).toBe(status.DEADLINE_EXCEEDED);
    if (way !== 'plain') expect(explain(waiting)).toMatchObject({ neverSent: true, waitedFor: 'stream' });
    taken.cancel();
    await ended;
    await server.waitFor(({ openCalls }) => openCalls === 0);
    const running = await failure(client);
    expect(running.code).toBe(status.DEADLINE_EXCEEDED);
    client.close();
    await server.waitFor(({ openCalls, sessions }) => openCalls === 0 && sessions === 0);
  });
});

it('a method config with a message size ends a call that sends a larger one', async () => {
  const client = open(0);
  const error = await failure(client, 'x'.repeat(100));
  expect([error.code, error.details]).toEqual([
    status.RESOURCE_EXHAUSTED,
    'Attempted to send message with a size larger than 100',
  ]);
  client.close();
});
