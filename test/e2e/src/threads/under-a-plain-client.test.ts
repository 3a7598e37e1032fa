import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { threadChannelFactory, tlsCredentials, type ThreadChannelFactory } from '@grpc-manifold/thread-channel';
import { loadEchoPackage, selfSignedCertificate, startEchoServer, type EchoClient } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareWithPlain } from '../ways-in/compare-with-plain.js';
import type { Way } from '../ways-in/way.js';

const { EchoClient: Echo } = loadEchoPackage();
let threads: ThreadChannelFactory;

beforeAll(() => {
  threads = threadChannelFactory();
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
    return { client, perCall: (interceptors) => [...interceptors], close: async () => client.close() };
  },
};

// Only a pool gives out what it hears in the async context of the call.
compareWithPlain('in a thread as without a pool', [inThreads], ({ name }) => name.startsWith('the async context'));

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
    const client = new Echo(first.target, trusting, { channelFactoryOverride: threads });
    const plain = new Echo(first.target, trusting);
    expect(await otherEnd(client)).toEqual({ peer: first.target, name: 'localhost' });
    expect(await otherEnd(plain)).toEqual({ peer: first.target, name: 'localhost' });
    await first[Symbol.asyncDispose]();
    await using second = await startEchoServer({ tls: other, port: first.port });
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
