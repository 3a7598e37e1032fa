import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createRequire } from 'node:module';
import { credentials, type ChannelCredentials, type ClientOptions, type ServiceError } from '@grpc/grpc-js';
import {
  leakCheck,
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  type EchoClient as Echo,
  type EchoServer,
} from '@grpc-manifold/testing';
import {
  boundedQueue,
  ChannelPool,
  ChannelPoolRegistry,
  circuitBreaker,
  createPooledClient,
  explain,
  pooledChannelFactory,
  poolInterceptor,
  repool,
  threadChannelFactory,
} from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { EchoClient } = loadEchoPackage();
const insecure = credentials.createInsecure();
const TARGET = 'ipv4:127.0.0.1:1';

/** Calls it as JavaScript can, whatever the types say. */
const create = createPooledClient as unknown as (...args: unknown[]) => Echo;
const newPool = (options: object): ChannelPool => new ChannelPool(TARGET, insecure, options);

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function errorOf(client: Echo, options: ClientOptions = {}): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    client.unary({}, options, (error) => (error === null ? reject(new Error('it was answered')) : resolve(error)));
  });
}

/** The message of what is thrown: at most three lines, and none of them for nothing. */
function messageOf(wrong: () => unknown): string {
  let message: string | undefined;
  try {
    wrong();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    ({ message } = error as Error);
  }
  expect(message?.split('\n').length).toBeLessThanOrEqual(3);
  return message as string;
}

describe('a message names what to do instead', () => {
  it.each<[string, () => unknown, string]>([
    ['a client instance', () => create(new EchoClient(TARGET, insecure), TARGET, insecure), 'give the class itself'],
    ['a package', () => create({ v1: { EchoClient } }, TARGET, insecure), 'give a class out of it: v1.EchoClient'],
    ['a service', () => create(EchoClient.service, TARGET, insecure), 'give the client that was generated beside it'],
    [
      'a breaker that was not called',
      () => create(EchoClient, TARGET, insecure, { interceptors: [circuitBreaker] }),
      'createPooledClient: interceptors has circuitBreaker, which makes an interceptor and is none; ' +
        'write interceptors: [circuitBreaker()]',
    ],
    [
      'a queue that was not called, as a provider',
      () => create(EchoClient, TARGET, insecure, { interceptor_providers: [boundedQueue] }),
      'write interceptor_providers: [() => boundedQueue()]',
    ],
    [
      'a pool interceptor that was not called, to repool',
      () => repool(new EchoClient(TARGET, insecure), newPool({}), { interceptors: [poolInterceptor as never] }),
      'repool: interceptors has poolInterceptor, which makes an interceptor and is none; write interceptors: [poolInterceptor(pool)]',
    ],
    [
      'a plain client with a breaker that was not called',
      () => new EchoClient(TARGET, insecure, { interceptors: [circuitBreaker as never] }).unary({}, () => undefined),
      'circuitBreaker: grpc-js has called it as if it were an interceptor; call it once and give what it returns, as in ' +
        'interceptors: [circuitBreaker(…)]',
    ],
    [
      'a plain client with a pool interceptor that was not called',
      () => new EchoClient(TARGET, insecure, { interceptors: [poolInterceptor as never] }).unary({}, () => undefined),
      'poolInterceptor: grpc-js has called it as if it were an interceptor',
    ],
    [
      'a plain URL',
      () => create(EchoClient, 'http://localhost:50051', insecure),
      "got the URL 'http://localhost:50051'; give 'localhost:50051' with credentials.createInsecure()",
    ],
    [
      'a secure URL',
      () => create(EchoClient, 'https://api.example.com/v1', insecure),
      "give 'api.example.com:443' with credentials.createSsl()",
    ],
    [
      'a URL of a scheme that grpc-js does not know',
      () => create(EchoClient, 'grpc://[::1]:50051', insecure),
      "give '[::1]:50051' with credentials.createInsecure()",
    ],
    [
      'an option of the pool among those of grpc-js',
      () => create(EchoClient, TARGET, insecure, { channelOptions: { maxChannels: 4 } }),
      'maxChannels is an option of the pool and none of grpc-js; take it out of channelOptions and put it beside',
    ],
    [
      'the same by a factory',
      () => pooledChannelFactory({ channelOptions: { queue: {} } }),
      'queue is an option of the pool and none of grpc-js',
    ],
    [
      'an option of grpc-js among those of a pool',
      () => newPool({ 'grpc.keepalive_time_ms': 10_000 }),
      "it is an option of grpc-js: channelOptions: { 'grpc.keepalive_time_ms': … }",
    ],
    [
      'the same in a registry',
      () => new ChannelPoolRegistry({ 'grpc.max_receive_message_length': 1 } as never),
      "channelOptions: { 'grpc.max_receive_message_length': … }",
    ],
    [
      'an option of the queue among those of a pool',
      () => newPool({ maxQueuedCalls: 5 }),
      'queue: { maxQueuedCalls: … }',
    ],
    ['an option of a client in a pool', () => newPool({ interceptors: [] }), 'give it to createPooledClient'],
    ['threads in a pool', () => newPool({ threads: 1 }), 'channelFactory: threadChannelFactory({ threads })'],
    ['keepalive as an option', () => newPool({ keepaliveTimeMs: 1 }), 'policies: [idleClose(), keepalive({ … })]'],
    ['a name that is nearly right', () => newPool({ maxChannel: 4 }), "did you mean 'maxChannels'?"],
    [
      'the same in a client',
      () => create(EchoClient, TARGET, insecure, { thread: 1 }),
      "and keys that begin with 'grpc.' or 'grpc-node.'; did you mean 'threads'?",
    ],
    [
      'the same where a pool is shared',
      () => create(EchoClient, newPool({}), { interceptor: [] }),
      'did you mean interceptors?',
    ],
    ['the same in a queue', () => newPool({ queue: { maxQueueTime: 1 } }), "did you mean 'maxQueueTimeMs'?"],
  ])('for %s', (_what, wrong, words) => {
    expect(messageOf(wrong)).toContain(words);
  });

  it('for credentials of another copy of grpc-js', () => {
    const require = createRequire(import.meta.url);
    for (const path of Object.keys(require.cache)) if (path.includes('@grpc/grpc-js')) delete require.cache[path];
    const other = (require('@grpc/grpc-js') as { credentials: typeof credentials }).credentials;
    for (const given of [other.createInsecure(), other.createSsl()]) {
      expect(messageOf(() => create(EchoClient, TARGET, given))).toBe(
        'ChannelPool: credentials must be ChannelCredentials, as grpc.credentials makes them, got those of another copy of ' +
          '@grpc/grpc-js than grpc-manifold has; both must use one copy of @grpc/grpc-js, and `npm ls @grpc/grpc-js` shows all there are',
      );
    }
  });
});

describe('a call that fails because one end speaks TLS and the other does not', () => {
  let plain: EchoServer;
  let secure: EchoServer;
  let certificate: string;
  const web: Server[] = [];

  beforeAll(async () => {
    const { key, cert } = await selfSignedCertificate();
    certificate = cert;
    web.push(createHttpServer().listen(0, '127.0.0.1'), createHttpsServer({ key, cert }).listen(0, '127.0.0.1'));
    await Promise.all(web.map((server) => once(server, 'listening')));
    [plain, secure] = await Promise.all([startEchoServer(), startEchoServer({ tls: { key, cert } })]);
  });

  afterAll(async () => {
    for (const server of web) server.close();
    await Promise.all([plain, secure].map((server) => server[Symbol.asyncDispose]()));
  });

  const ssl = (): ChannelCredentials => credentials.createSsl(Buffer.from(certificate));
  const local = (server: Server | undefined): string => `127.0.0.1:${portOf(server as Server)}`;

  it.each<[string, () => string, () => ChannelCredentials, string]>([
    [
      'TLS to a gRPC server without',
      () => plain.target,
      ssl,
      'The server does not speak TLS on this port: use credentials.createInsecure()',
    ],
    [
      'TLS to a web server without',
      () => local(web[0]),
      ssl,
      'The server does not speak TLS on this port: use credentials.createInsecure()',
    ],
    [
      'plain text to a gRPC server with TLS',
      () => secure.target,
      () => insecure,
      'if it speaks TLS, use credentials.createSsl()',
    ],
    [
      'plain text to a web server with TLS',
      () => local(web[1]),
      () => insecure,
      'if it speaks TLS, use credentials.createSsl()',
    ],
    ['plain text to a web server', () => local(web[0]), () => insecure, 'What answers on this port is not HTTP/2'],
  ])('says so: %s', async (_what, target, given, words) => {
    const check = leakCheck();
    {
      // The target is an address, which is no name for TLS.
      const options = { 'grpc.ssl_target_name_override': 'localhost' };
      await using client = createPooledClient(EchoClient, target(), given(), options);
      const error = await errorOf(client);
      expect(error.details).toContain(words);
      expect(error.details.split('\n').length).toBeLessThanOrEqual(3);
      expect(explain(error)?.fault?.detail).toContain(words);
    }
    await check.expectNothingLeft();
  });
});

describe('a thread whose file is not there', () => {
  it('says which file it looked for, and how a bundler makes it', async () => {
    await using threads = threadChannelFactory({ workerUrl: new URL('file:///nowhere/grpc-thread.js') });
    await using client = createPooledClient(EchoClient, TARGET, insecure, { channelFactory: threads });
    const { details } = await errorOf(client);
    expect(details).toContain('/nowhere/grpc-thread.js');
    expect(details).toContain('A bundler has to make a file of @grpc-manifold/thread-channel/worker');
    expect(details).toContain('workerUrl');
  });
});
