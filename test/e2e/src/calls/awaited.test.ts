import {
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { tlsCredentials } from '@grpc-manifold/thread-channel';
import {
  eventually,
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  startScriptedPeer,
  type EchoClient,
  type EchoRequest,
  type EchoServer,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClient, type PooledClientOptions } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();
const ON_NAME = { 'grpc.ssl_target_name_override': 'localhost' };

let server: EchoServer;
let tls: ChannelCredentials;

beforeAll(async () => {
  const certificate = await selfSignedCertificate();
  tls = tlsCredentials({ rootCerts: Buffer.from(certificate.cert) });
  server = await startEchoServer({ tls: certificate, maxConcurrentStreams: 2 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A token service that never answers, and says when it is asked. */
class HangingService {
  readonly credentials = credentials.createFromMetadataGenerator(() => this.#onAsked());
  #onAsked: () => void = () => undefined;

  /** Resolves when it is asked next. */
  asked(): Promise<void> {
    return new Promise((resolve) => (this.#onAsked = resolve));
  }
}

const answering = credentials.createFromMetadataGenerator((_call, callback) => callback(null, new Metadata()));

/** Makes a call that fails. */
function failing(client: EchoClient, request: EchoRequest, options: CallOptions = {}) {
  let call: ClientUnaryCall | undefined;
  const failure = new Promise<ServiceError>((resolve, reject) => {
    call = client.unary(request, options, (error) =>
      error === null ? reject(new Error('it went well')) : resolve(error),
    );
  });
  return { failure, cancel: () => call?.cancel() };
}

/** Makes a call whose deadline passes while it waits. */
function late(client: EchoClient): Promise<ServiceError> {
  return failing(client, {}, { deadline: Date.now() + 50 }).failure;
}

/** Makes a call, and cancels it then. */
async function cancelledAfter(client: EchoClient, when: Promise<unknown>, options: CallOptions = {}) {
  const { failure, cancel } = failing(client, { hang: true }, options);
  await when;
  cancel();
  return explain(await failure);
}

function called(client: EchoClient, options: CallOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    client.unary({}, options, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** The pool has learned of its one connection how many streams the server allows. */
async function learned({ pool }: PooledClient<EchoClient>, limit: number): Promise<void> {
  await eventually(() => expect(pool.stats().channels[0]?.maxConcurrentStreams).toBe(limit));
}

describe.each([0, 1])('what a call waited for when it ended, with threads: %d', (threads) => {
  function open(of = tls, options: PooledClientOptions = {}): PooledClient<EchoClient> {
    return createPooledClient(Client, server.target, of, { ...ON_NAME, threads, onDispose: 'cancel', ...options });
  }

  it('is a stream: how many are in use, the limit and whose it is', async () => {
    await using client = open(tls, { maxChannels: 1 });
    for (let count = 0; count < 2; count += 1) client.unary({ hang: true }, () => undefined);
    await server.waitFor(({ openCalls }) => openCalls === 2);
    await learned(client, 2);
    const error = await late(client);
    expect(error.details).toMatch(
      /waiting for a stream: 2 of 2 in use, limit 2 a connection by server; waited \d+ ms, never sent$/,
    );
    expect(explain(error)).toMatchObject({
      neverSent: true,
      waitedFor: 'stream',
      usedStreams: 2,
      streamCapacity: 2,
      limit: 2,
      limitedBy: 'server',
    });
  });

  it('is a stream where the server allows none', async () => {
    await using peer = await startScriptedPeer({ settings: { maxConcurrentStreams: 0 } });
    const options = { threads, onDispose: 'cancel' } as const;
    await using client = createPooledClient(Client, peer.target, credentials.createInsecure(), options);
    client.pool.getConnectivityState(true);
    await learned(client, 0);
    const error = await late(client);
    expect(error.details).toMatch(
      /waiting for a stream: 0 of 0 in use, limit 0 a connection by server; waited \d+ ms, never sent$/,
    );
    expect(explain(error)).toMatchObject({ neverSent: true, limit: 0 });
  });

  it('is the token of its own call credentials', async () => {
    await using client = open();
    await called(client, { credentials: answering });
    const service = new HangingService();
    const explanation = await cancelledAfter(client, service.asked(), { credentials: service.credentials });
    expect(explanation).toMatchObject({ neverSent: true, waitedFor: 'credentials', channelId: 1 });
    await called(client);
  });

  it('is the token of the channel’s call credentials', async () => {
    const service = new HangingService();
    await using client = open(credentials.combineChannelCredentials(tls, service.credentials));
    for (const options of [{}, { credentials: answering }]) {
      const explanation = await cancelledAfter(client, service.asked(), options);
      expect(explanation).toMatchObject({ neverSent: true, waitedFor: 'credentials', channelId: 1 });
    }
  });

  it('is nothing but its answer once the credentials have answered', async () => {
    await using client = open(credentials.combineChannelCredentials(tls, answering));
    const arrived = server.waitFor(({ openCalls }) => openCalls === 1);
    const explanation = await cancelledAfter(client, arrived, { credentials: answering });
    expect(explanation).toEqual({ channelId: 1, queueWaitMs: expect.any(Number) as number, from: 'object' });
    await server.waitFor(({ openCalls }) => openCalls === 0);
  });
});
