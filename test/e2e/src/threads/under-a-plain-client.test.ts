import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { connectionOf } from '@grpc-manifold/core/internal';
import { threadChannelFactory, tlsCredentials, type ThreadChannelFactory } from '@grpc-manifold/thread-channel';
import { loadEchoPackage, selfSignedCertificate, startEchoServer, type EchoClient } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareWithPlain } from '../ways-in/compare-with-plain.js';
import type { Way } from '../ways-in/way.js';

const { EchoClient: Echo } = loadEchoPackage();
/** An address is no server name in TLS (RFC 6066, section 3): Node 26 refuses it. */
const ON_NAME = { 'grpc.ssl_target_name_override': 'localhost' };
let threads: ThreadChannelFactory;

beforeAll(async () => {
  threads = threadChannelFactory();
  // Some behaviours are over in less time than a thread takes to start.
  await using server = await startEchoServer();
  const client = new Echo(server.target, credentials.createInsecure(), { channelFactoryOverride: threads });
  await promisify(client.waitForReady.bind(client))(Infinity);
  client.close();
});

afterAll(() => threads[Symbol.asyncDispose]());

const inThreads: Way = {
  name: 'threadChannelFactory',
  open: ({ target, credentials: given, channelOptions, clientOptions }) => {
    const client = new Echo(target, given, {
      ...channelOptions,
      ...clientOptions,
      channelFactoryOverride: threads,
    });
    const close = async (): Promise<void> => {
      client.close();
      // What the thread has still to send must not be seen by whoever uses the server next.
      await connectionOf(client.getChannel())?.close('the client is closed');
    };
    return { client, perCall: (interceptors) => [...interceptors], close };
  },
};

compareWithPlain('in a thread as without a pool', [inThreads]);

/** What a call tells of its other end, once it is over. */
function otherEnd(client: EchoClient): Promise<{ peer: string; name: unknown }> {
  return new Promise((resolve) => {
    const call = client.unary({}, () => {
      const subject = call.getAuthContext()?.sslPeerCertificate?.subject;
      resolve({ peer: call.getPeer(), name: subject?.CN });
    });
  });
}

describe('who is at the other end of a call in a thread', () => {
  it('is told as without', async () => {
    await using server = await startEchoServer();
    const { target } = server;
    await using pooled = createPooledClient(Echo, target, credentials.createInsecure(), { threads: 1 });
    const alone = new Echo(target, credentials.createInsecure(), { channelFactoryOverride: threads });
    expect([(await otherEnd(alone)).peer, (await otherEnd(pooled)).peer]).toEqual([target, target]);
    alone.close();
  });

  it('is told anew when somebody else is there', async () => {
    const [valid, other] = await Promise.all([selfSignedCertificate(), selfSignedCertificate('other-name')]);
    const first = await startEchoServer({ tls: valid });
    const rootCerts = Buffer.from([valid.cert, other.cert].join('\n'));
    const trusting = tlsCredentials({ rootCerts, verifyOptions: { rejectUnauthorized: false } });
    const client = new Echo(first.target, trusting, { ...ON_NAME, channelFactoryOverride: threads });
    const plain = new Echo(first.target, trusting, ON_NAME);
    expect(await otherEnd(client)).toEqual({ peer: first.target, name: 'localhost' });
    expect(await otherEnd(plain)).toEqual({ peer: first.target, name: 'localhost' });
    await first[Symbol.asyncDispose]();
    await using _second = await startEchoServer({ tls: other, port: first.port });
    const afterwards = [];
    for (const each of [client, plain]) {
      await promisify(each.waitForReady.bind(each))(Infinity);
      afterwards.push(await otherEnd(each));
      each.close();
    }
    // By its session ticket Node resumes the TLS session, and then has no certificate to tell of.
    expect(afterwards[0]).toEqual(afterwards[1]);
    expect(afterwards[0]?.name).not.toBe('localhost');
  });
});

describe('a plain client in a thread that is closed', () => {
  it('lets the calls finish that were started', async () => {
    await using server = await startEchoServer({ delayMs: 400 });
    const client = new Echo(server.target, credentials.createInsecure(), { channelFactoryOverride: threads });
    const ended = new Promise((resolve) => client.unary({}, resolve));
    await server.waitFor(({ openCalls }) => openCalls === 1);
    client.close();
    expect(await ended).toBeNull();
    await server.waitFor(({ sessions }) => sessions === 0);
  });

  it('lets a stream go on that is over its second connection', async () => {
    const first = await startEchoServer();
    const client = new Echo(first.target, credentials.createInsecure(), { channelFactoryOverride: threads });
    await otherEnd(client);
    await first[Symbol.asyncDispose]();
    await using second = await startEchoServer({ port: first.port });
    await promisify(client.waitForReady.bind(client))(Infinity);
    const stream = client.bidi();
    client.close();
    for (const text of ['a', 'b']) {
      stream.write({ payload: Buffer.from(text) });
      const [message] = (await once(stream, 'data')) as [{ payload: Buffer }];
      expect(String(message.payload)).toBe(text);
    }
    stream.end();
    const [ending] = (await once(stream.resume(), 'status')) as [{ code: number }];
    expect(ending.code).toBe(0);
    await second.waitFor(({ sessions }) => sessions === 0);
  });
});

describe('a program that waits for nothing but a plain client in a thread to be ready', () => {
  it('is told', async () => {
    await using server = await startEchoServer();
    const source = `
      import { Client, credentials } from '@grpc/grpc-js';
      import { threadChannelFactory } from '@grpc-manifold/thread-channel';
      const options = { channelFactoryOverride: threadChannelFactory() };
      const client = new Client('${server.target}', credentials.createInsecure(), options);
      client.waitForReady(Infinity, (error) => console.log(error ?? 'ready'));
    `;
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], { cwd });
    expect(stdout.trim()).toBe('ready');
  });
});
