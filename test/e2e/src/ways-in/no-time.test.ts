import { credentials, Metadata, status } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoClient, type EchoServer } from '@grpc-manifold/testing';
import { boundedQueue, createPooledClient } from 'grpc-manifold';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waysIn, type Entrance } from './way.js';

const { EchoClient: Client } = loadEchoPackage();

let server: EchoServer;
const threads = threadChannelFactory({ threads: 1 });

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(async () => {
  await threads[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function asGiven(client: EchoClient, close = async (): Promise<void> => client.close()): Entrance {
  return { client, perCall: (interceptors) => [...interceptors], close };
}

/** Every way to a pool, those through threads, and a queue in front of a plain client. */
const WAYS: Readonly<Record<string, () => Entrance>> = {
  ...Object.fromEntries(
    waysIn.map(({ name, open }) => [
      name,
      () =>
        open({
          target: server.target,
          credentials: credentials.createInsecure(),
          channelOptions: {},
          clientOptions: {},
        }),
    ]),
  ),
  'createPooledClient with threads': () => {
    const client = createPooledClient(Client, server.target, credentials.createInsecure(), { threads: 1 });
    return asGiven(client, async () => void (await client.pool.destroy()));
  },
  'a plain client in threads': () =>
    asGiven(
      new Client(server.target, credentials.createInsecure(), {
        channelFactoryOverride: (target, given, options) => threads(target, given, options),
      }),
    ),
  'a plain client with boundedQueue': () =>
    asGiven(new Client(server.target, credentials.createInsecure(), { interceptors: [boundedQueue()] })),
};

// A plain client ends such a call within a millisecond, and rejects a promise of its own that nobody handles.
describe.each(Object.entries(WAYS))('a deadline that is no time at all, by way of %s', (_name, open) => {
  it.each([
    ['not a number', NaN],
    ['an invalid Date', new Date(NaN)],
  ])('has passed: %s', async (_what, deadline) => {
    const { client, close } = open();
    const before = (await server.waitFor(() => true)).startedCalls;
    const ended = await new Promise<unknown>((resolve) => {
      client.unary({ hang: true }, new Metadata({ waitForReady: true }), { deadline }, (error) => resolve(error?.code));
    });
    expect(ended).toBe(status.DEADLINE_EXCEEDED);
    const streamed = await new Promise<unknown>((resolve) => {
      client
        .bidi({ deadline })
        .on('error', () => undefined)
        .on('status', ({ code }) => resolve(code));
    });
    expect(streamed).toBe(status.DEADLINE_EXCEEDED);
    expect((await server.waitFor(() => true)).startedCalls).toBe(before);
    await close();
  });
});
