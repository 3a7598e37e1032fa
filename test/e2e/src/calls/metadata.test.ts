import { credentials, InterceptingCall, Metadata, status, type CallOptions, type Interceptor } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  type EchoClient,
  type EchoServer,
} from '@grpc-manifold/testing';
import { createPooledClient, type PooledClient, type PooledClientOptions } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall, type CallStart } from '../endings/recorded-call.js';
import { startHeaderServer, type HeaderServer } from './header-server.js';

const { EchoClient } = loadEchoPackage();
const insecure = credentials.createInsecure();
const clients: PooledClient<EchoClient>[] = [];
let server: EchoServer;
let headerServer: HeaderServer;

beforeAll(async () => {
  server = await startEchoServer();
  headerServer = await startHeaderServer();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.pool.destroy();
});

afterAll(async () => {
  await headerServer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function open(target: string, options: PooledClientOptions = {}, creds = insecure): PooledClient<EchoClient> {
  const client = createPooledClient(EchoClient, target, creds, options);
  clients.push(client);
  return client;
}

/** The headers of a call as they came to the server. */
async function headersOf(start: CallStart, options?: PooledClientOptions): Promise<Record<string, unknown>> {
  const call = new RecordedCall(open(headerServer.target, options), 'unary', start);
  expect(await call.outcome).toMatchObject({ code: status.OK });
  return headerServer.headers.at(-1) as Record<string, unknown>;
}

describe('metadata', () => {
  it.each(KINDS)('goes out and comes back, binary values and several of one name included: %s', async (kind) => {
    const metadata = new Metadata();
    metadata.add('tenant', 'blue');
    metadata.add('tenant', 'green');
    metadata.set('trace-bin', Buffer.from([0, 255, 128, 44]));
    const call = new RecordedCall(open(server.target), kind, {
      metadata,
      request: { sendInitialMetadata: true, echoMetadata: ['tenant', 'trace-bin'] },
    });
    expect(await call.outcome).toMatchObject({ code: status.OK });
    expect(call.metadata[0]?.get('tenant').join(', ')).toBe('blue, green');
    expect(call.metadata[0]?.get('trace-bin')).toEqual([Buffer.from([0, 255, 128, 44])]);
    // Ours goes onto a copy.
    expect(metadata.get('grpc-timeout')).toEqual([]);
  });

  it('of a call is its own also when one object serves two calls', async () => {
    const client = open(headerServer.target);
    const metadata = new Metadata();
    const soon = new RecordedCall(client, 'unary', { metadata, options: { deadline: Date.now() + 60_000 } });
    const never = new RecordedCall(client, 'unary', { metadata });
    await Promise.all([soon.outcome, never.outcome]);
    const [first, second] = headerServer.headers.slice(-2);
    expect([first?.['grpc-timeout'] === undefined, second?.['grpc-timeout'] === undefined].sort()).toEqual([
      false,
      true,
    ]);
  });
});

describe('a deadline', () => {
  it('is a grpc-timeout header with the time that is left', async () => {
    const { 'grpc-timeout': timeout } = await headersOf({ options: { deadline: Date.now() + 60_000 } });
    expect(timeout).toMatch(/^\d{1,8}m$/);
    const leftMs = Number.parseInt(timeout as string, 10);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(leftMs).toBeGreaterThan(0);
  });

  it('can be a Date, and is seen by the server as that moment', async () => {
    const deadline = new Date(Date.now() + 3_600_000);
    const call = new RecordedCall(open(server.target), 'unary', { request: { describe: true }, options: { deadline } });
    await call.outcome;
    const seenMs = call.messages[0]?.details?.deadlineMs as number;
    // Counted anew from when it came in.
    expect(Math.abs(seenMs - deadline.getTime())).toBeLessThan(60_000);
  });

  it('that there is none sends no header', async () => {
    expect(await headersOf({})).not.toHaveProperty('grpc-timeout');
  });
});

describe('call options', () => {
  it('host is the authority of the call', async () => {
    expect(await headersOf({ options: { host: 'tenant.example' } })).toHaveProperty([':authority'], 'tenant.example');
    expect(await headersOf({})).toHaveProperty([':authority'], headerServer.target);
  });

  it('credentials add their metadata, also to a call that waited', async () => {
    const tls = await selfSignedCertificate();
    await using secure = await startEchoServer({ tls });
    const client = open(
      `localhost:${secure.port}`,
      { maxChannels: 1, maxStreamsPerChannel: 1 },
      credentials.createSsl(Buffer.from(tls.cert)),
    );
    const asked: string[] = [];
    const options: CallOptions = {
      credentials: credentials.createFromMetadataGenerator((parameters, callback) => {
        asked.push(parameters.service_url);
        const metadata = new Metadata();
        metadata.set('authorization', 'Bearer 1234');
        callback(null, metadata);
      }),
    };
    const request = { echoMetadata: ['authorization'] };
    const first = new RecordedCall(client, 'unary', { request, options });
    const second = new RecordedCall(client, 'bidi', { request, options });
    for (const call of [first, second]) {
      expect(await call.outcome).toMatchObject({ code: status.OK });
      expect(call.messages[0]?.metadata).toEqual({ authorization: 'Bearer 1234' });
    }
    expect(asked).toEqual(Array(2).fill('https://localhost/manifold.testing.v1.Echo'));
  });

  it('credentials that fail fail the call, once, and give its stream back', async () => {
    const tls = await selfSignedCertificate();
    await using secure = await startEchoServer({ tls });
    const client = open(
      `localhost:${secure.port}`,
      { maxChannels: 1, maxStreamsPerChannel: 1 },
      credentials.createSsl(Buffer.from(tls.cert)),
    );
    const failing = credentials.createFromMetadataGenerator((_, callback) => callback(new Error('no token today')));
    const call = new RecordedCall(client, 'unary', { options: { credentials: failing } });
    expect(await call.outcome).toMatchObject({ details: expect.stringContaining('no token today') });
    call.expectOneOutcome();
    expect(await new RecordedCall(client, 'unary').outcome).toMatchObject({ code: status.OK });
  });
});

/** An interceptor that writes its name into the metadata and takes note of messages and status. */
function named(name: string, seen: string[]): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        metadata.add('by', name);
        next(metadata, {
          onReceiveMessage: (message, nextMessage) => {
            seen.push(`${name} message`);
            nextMessage(message);
          },
          onReceiveStatus: (received, nextStatus) => {
            seen.push(`${name} status`);
            nextStatus(received);
          },
        });
      },
    });
}

describe('interceptors of a pooled client', () => {
  it('see every call, in order, whether it waits or not', async () => {
    const seen: string[] = [];
    const client = open(server.target, {
      interceptors: [named('outer', seen), named('inner', seen)],
      maxChannels: 1,
      maxStreamsPerChannel: 1,
    });
    const answers = await Promise.all(
      [1, 2].map(
        () =>
          new Promise((resolve) =>
            client.unary({ echoMetadata: ['by'] }, (_, response) => resolve(response?.metadata['by'])),
          ),
      ),
    );
    expect(answers).toEqual(['outer, inner', 'outer, inner']);
    const once = ['inner message', 'outer message', 'inner status', 'outer status'];
    expect(seen).toEqual([...once, ...once]);
  });

  it('give way to those of the call', async () => {
    const seen: string[] = [];
    const client = open(server.target, { interceptors: [named('client', seen)] });
    const options = { interceptors: [named('call', seen)] };
    await new Promise((resolve) => client.unary({}, options, resolve));
    expect(seen).toEqual(['call message', 'call status']);
  });

  it('can come from providers, and a transformer sees the call', async () => {
    const seen: string[] = [];
    const client = open(server.target, {
      interceptor_providers: [(method) => named(method.path, seen)],
      callInvocationTransformer: (properties) => {
        seen.push(`made ${properties.methodDefinition.path}`);
        return properties;
      },
    });
    await new Promise((resolve) => client.unary({}, resolve));
    const path = '/manifold.testing.v1.Echo/Unary';
    expect(seen).toEqual([`made ${path}`, `${path} message`, `${path} status`]);
  });
});
