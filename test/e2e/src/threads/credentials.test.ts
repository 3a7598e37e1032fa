import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { credentials, Metadata, status, type CallCredentials, type ServiceError } from '@grpc/grpc-js';
import { threadChannelFactory, tlsCredentials } from '@grpc-manifold/thread-channel';
import {
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  type EchoClient,
  type EchoResponse,
  type EchoServer,
} from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, type PooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();
const ON_NAME = { 'grpc.ssl_target_name_override': 'localhost' };

let server: EchoServer;
let rootCerts: Buffer;

beforeAll(async () => {
  const certificate = await selfSignedCertificate();
  rootCerts = Buffer.from(certificate.cert);
  server = await startEchoServer({ tls: certificate });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function generator(
  make: (method: string, url: string, done: (error: Error | null, metadata?: Metadata) => void) => void,
): CallCredentials {
  return credentials.createFromMetadataGenerator(({ method_name: method, service_url: url }, callback) =>
    make(method, url, callback),
  );
}

function unary(
  client: EchoClient,
  options: { credentials?: CallCredentials } = {},
): Promise<{ error: ServiceError | null; response: EchoResponse | undefined }> {
  return new Promise((resolve) => {
    client.unary({ echoMetadata: ['token-call', 'token-channel'] }, options, (error, response) =>
      resolve({ error, response }),
    );
  });
}

function open(channelCredentials = tlsCredentials({ rootCerts })): PooledClient<EchoClient> {
  return createPooledClient(Client, server.target, channelCredentials, { ...ON_NAME, threads: 1 });
}

describe('TLS in a thread', () => {
  it('carries calls, and tells who is at the other end', async () => {
    await using client = open();
    const call = client.serverStream({ responseCount: 1 });
    for await (const _message of call);
    const context = call.getAuthContext();
    expect(context?.transportSecurityType).toBe('ssl');
    const certificate = context?.sslPeerCertificate;
    expect(certificate?.subject).toMatchObject({ CN: 'localhost' });
    expect(Buffer.isBuffer(certificate?.raw)).toBe(true);
  });

  it('tells of a certificate that is not to be trusted as the pool does by itself', async () => {
    await using client = open(tlsCredentials());
    const { error } = await unary(client);
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    expect(client.pool.stats().lastFault?.tag).toBe('tls');
  });
});

describe('what a call in a thread asks its caller', () => {
  const tenant = new AsyncLocalStorage<string>();

  it('is asked in his async context: call credentials', async () => {
    const asked: (string | undefined)[] = [];
    const watching = generator((_method, _url, done) => {
      asked.push(tenant.getStore());
      done(null, new Metadata());
    });
    await using client = open(credentials.combineChannelCredentials(tlsCredentials({ rootCerts }), watching));
    await tenant.run('a', () => unary(client));
    await tenant.run('b', () => unary(client, { credentials: watching }));
    expect(asked).toEqual(['a', 'b', 'b']);
  });

  it('is told in his async context: that a message was taken', async () => {
    await using client = open();
    const told: (string | undefined)[] = [];
    await tenant.run('c', async () => {
      const stream = client.bidi().resume();
      for (let count = 0; count < 40; count += 1) {
        stream.write({ payload: Buffer.alloc(100_000) }, () => told.push(tenant.getStore()));
      }
      stream.end();
      await once(stream, 'status');
    });
    expect(told).toEqual(Array.from({ length: 40 }, () => 'c'));
  });
});

describe('call credentials of a channel in a thread', () => {
  it('run on the thread that calls, with the method and the address that they are for', async () => {
    const asked: string[][] = [];
    const watching = generator((method, url, done) => {
      asked.push([method, url]);
      done(null, new Metadata());
    });
    await using client = open(credentials.combineChannelCredentials(tlsCredentials({ rootCerts }), watching));
    expect((await unary(client)).error).toBeNull();
    expect(asked).toEqual([
      ['/manifold.testing.v1.Echo/Unary', expect.stringMatching(/^https:\/\/.*\/manifold\.testing\.v1\.Echo$/)],
    ]);
  });

  it('add what they make to the metadata of each call, those of the call before those of the channel', async () => {
    const made: string[] = [];
    const noting = (name: string): CallCredentials =>
      generator((_method, _url, done) => {
        made.push(name);
        const metadata = new Metadata();
        metadata.set(`token-${name}`, name);
        done(null, metadata);
      });
    await using client = open(tlsCredentials({ rootCerts }).compose(noting('channel')));
    const { error, response } = await unary(client, { credentials: noting('call') });
    expect(error).toBeNull();
    expect(made).toEqual(['call', 'channel']);
    expect(response?.metadata).toMatchObject({ 'token-call': 'call', 'token-channel': 'channel' });
  });

  it.each([
    ['an error', new Error('no token today'), status.UNKNOWN],
    [
      'an error with a code',
      Object.assign(new Error('no token today'), { code: status.UNAUTHENTICATED }),
      status.UNAUTHENTICATED,
    ],
  ])('end their call with what grpc-js makes of %s', async (_name, failure, code) => {
    const failing = generator((_method, _url, done) => done(failure));
    await using client = open(tlsCredentials({ rootCerts }).compose(failing));
    const { error } = await unary(client);
    expect(error).toMatchObject({ code, details: expect.stringContaining('no token today') });
    expect(client.pool.stats()).toMatchObject({ inFlightCalls: 0 });
  });

  it('that throw harm nobody', async () => {
    const throwing = generator(() => {
      throw new Error('thrown by a generator');
    });
    await using client = open(tlsCredentials({ rootCerts }).compose(throwing));
    expect((await unary(client)).error?.details).toContain('thrown by a generator');
  });

  it('that never answer are given up with their call', async () => {
    const silent = generator(() => undefined);
    await using client = open(tlsCredentials({ rootCerts }).compose(silent));
    const failed = await new Promise<ServiceError | null>((resolve) =>
      client.unary({}, { deadline: Date.now() + 200 }, resolve),
    );
    expect(failed?.code).toBe(status.DEADLINE_EXCEEDED);
    await using other = open();
    expect((await unary(other)).error).toBeNull();
  });
});

describe('what cannot cross to a thread is refused at once', () => {
  const insecure = credentials.createInsecure();

  it.each([
    [
      'credentials of createSsl',
      () => createPooledClient(Client, 'localhost:1', credentials.createSsl(), { threads: 1 }),
    ],
    [
      'a function that checks the other end',
      () =>
        createPooledClient(
          Client,
          'localhost:1',
          tlsCredentials({ verifyOptions: { checkServerIdentity: () => undefined } }),
          {
            threads: 1,
          },
        ),
    ],
    [
      'an option that is a function',
      () => createPooledClient(Client, 'localhost:1', insecure, { threads: 1, 'grpc.custom': () => 1 }),
    ],
    ['xDS', () => createPooledClient(Client, 'xds:///service', insecure, { threads: 1 })],
    [
      'credentials of createSsl, by a pool',
      () => new ChannelPool('localhost:1', credentials.createSsl(), { channelFactory: threadChannelFactory() }),
    ],
  ])('%s', (_name, make) => {
    expect(make).toThrow(/threads: 0/);
  });

  it.each([
    [{ threads: -1 }, RangeError, /threads must be a number from 0 to 64, got -1/],
    [{ threads: 1.5 }, RangeError, /threads must be a whole number from 0 to 64, got 1.5/],
    [{ threads: 65 }, RangeError, /got 65/],
    [{ threads: NaN }, RangeError, /got NaN/],
    [{ threads: '2' }, TypeError, /threads must be a number from 0 to 64, got '2'/],
    [
      { threads: 1, channelFactory: threadChannelFactory() },
      TypeError,
      /threads and channelFactory cannot both be set/,
    ],
  ])('createPooledClient with %o', (options, type, message) => {
    expect(() => createPooledClient(Client, 'localhost:1', insecure, options as never)).toThrow(type);
    expect(() => createPooledClient(Client, 'localhost:1', insecure, options as never)).toThrow(message);
  });

  it.each([
    [{ threads: 0 }, RangeError, /threads must be a number from 1 to 64, got 0/],
    [{ threads: Infinity }, RangeError, /got Infinity/],
    [{ workerUrl: '/worker.js' }, TypeError, /workerUrl must be a URL of file: or data:, got '\/worker.js'/],
    [{ resourceLimits: 64 }, TypeError, /resourceLimits must be an object, got 64/],
    [{ thread: 1 }, TypeError, /unknown option 'thread'/],
  ])('threadChannelFactory with %o', (options, type, message) => {
    expect(() => threadChannelFactory(options as never)).toThrow(type);
    expect(() => threadChannelFactory(options as never)).toThrow(message);
  });

  it('threads that cannot be started: the pool says why, and the process lives', async () => {
    await using factory = threadChannelFactory({ workerUrl: new URL('file:///nowhere/worker.js') });
    await using client = createPooledClient(Client, server.target, insecure, { channelFactory: factory });
    const { error } = await unary(client);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('nowhere/worker.js') });
  });

  it('a factory that was disposed of makes no more connections', async () => {
    const factory = threadChannelFactory();
    await factory[Symbol.asyncDispose]();
    await using client = createPooledClient(Client, server.target, insecure, { channelFactory: factory });
    const { error } = await unary(client);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('disposed of') });
  });
});
