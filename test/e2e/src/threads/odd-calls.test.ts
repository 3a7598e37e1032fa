import { Client, credentials, InterceptingCall, Metadata, status, type Interceptor } from '@grpc/grpc-js';
import { threadChannelFactory, type ThreadChannelFactory } from '@grpc-manifold/thread-channel';
import { loadEchoPackage, startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { EchoClient: Echo } = loadEchoPackage();
const PATH = '/manifold.testing.v1.Echo/Unary';
const LARGE = 20_000;

let server: EchoServer;
let threads: ThreadChannelFactory;

beforeAll(async () => {
  server = await startEchoServer();
  threads = threadChannelFactory();
});

afterAll(async () => {
  await threads[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Cancels each call once it is under way. */
const cancelling: Interceptor = (options, nextCall) => {
  const call: InterceptingCall = new InterceptingCall(nextCall(options), {
    start: (metadata, listener, next) => {
      next(metadata, listener);
      setImmediate(() => call.cancelWithStatus(status.CANCELLED, undefined as never));
    },
  });
  return call;
};

/** The code of a unary call whose serializer makes what it is told to. */
function callOf(client: Client, serialized: unknown): Promise<status | undefined> {
  const serialize = (): Buffer => serialized as Buffer;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      PATH,
      serialize,
      (bytes) => bytes,
      {},
      new Metadata(),
      (error) => resolve(error?.code),
    );
  });
}

const clients: readonly [string, () => { client: Client; close: () => Promise<void> | void }][] = [
  [
    'a plain client',
    () => {
      const client = new Client(server.target, credentials.createInsecure(), { channelFactoryOverride: threads });
      return { client, close: () => client.close() };
    },
  ],
  [
    'a pool',
    () => {
      const client = createPooledClient(Echo, server.target, credentials.createInsecure(), { channelFactory: threads });
      return { client, close: () => client[Symbol.asyncDispose]() };
    },
  ],
];

describe.each(clients)('a call of %s in a thread that cannot be handed over', (_name, open) => {
  it.each([
    ['a string', 'text'],
    ['nothing', undefined],
    ['bytes that are no Buffer', new Uint8Array(10)],
    ['many bytes that are no Buffer', new Uint8Array(LARGE)],
  ])('ends alone, and the calls beside it go on: its serializer makes %s', async (_what, serialized) => {
    const { client, close } = open();
    const bystander = new Echo(server.target, credentials.createInsecure(), { channelFactoryOverride: threads });
    const stream = bystander.bidi();
    stream.write({ payload: Buffer.from('before') });
    await new Promise((resolve) => stream.once('data', resolve));
    expect(await callOf(client, serialized)).toBe(status.INTERNAL);
    expect(await callOf(client, Buffer.alloc(0))).toBeUndefined();
    stream.write({ payload: Buffer.from('after') });
    stream.end();
    const received: string[] = [];
    for await (const { payload } of stream) received.push(String(payload));
    expect(received).toEqual(['after']);
    bystander.close();
    await close();
  });
});

describe('a call in a thread that an interceptor cancels', () => {
  it('ends alone, without a reason given', async () => {
    const client = new Echo(server.target, credentials.createInsecure(), {
      channelFactoryOverride: threads,
      interceptors: [cancelling],
    });
    const code = await new Promise((resolve) => client.unary({}, (error) => resolve(error?.code)));
    expect(code).toBe(status.CANCELLED);
    client.close();
  });
});
