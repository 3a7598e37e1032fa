import { credentials, Metadata, status } from '@grpc/grpc-js';
import {
  buildGrpcGo,
  leakCheck,
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  type EchoServerOptions,
} from '@grpc-manifold/testing';
import { createPooledClient, type PooledClientOptions } from 'grpc-manifold';
import { beforeAll, describe, expect, it } from 'vitest';
import { describePeer } from './describe-peer.js';
import { manyCalls } from './many-calls.js';
import { KINDS, outcomeOf, type Outcome } from './outcome.js';

/** The compiler has no cache in a fresh clone. */
const BUILD_TIMEOUT_MS = 300_000;
const { EchoClient: Client } = loadEchoPackage();

const start = (options?: EchoServerOptions) => startEchoServer(options, 'grpc-go');
const open = (target: string, options: PooledClientOptions = {}) =>
  createPooledClient(Client, target, credentials.createInsecure(), { onDispose: 'cancel', ...options });

/** What of an outcome does not differ from call to call. */
function visible({ headers, messages, status: { code, details, metadata } }: Outcome) {
  return { headers: headers?.toJSON(), messages, code, details, trailers: metadata.toJSON() };
}

describePeer('grpc-go', 'a pool before a server of grpc-go', () => {
  beforeAll(() => buildGrpcGo(), BUILD_TIMEOUT_MS);

  describe('that allows 7 streams on a connection', () => {
    it('has no more than 7 on any when it is told so, and none waits inside HTTP/2', async () => {
      const check = leakCheck();
      {
        await using server = await start({ maxConcurrentStreams: 7 });
        await using client = open(server.target, { maxChannels: 4, maxStreamsPerChannel: 7 });
        expect(await manyCalls(client, 500, { delayMs: 5 })).toEqual({ OK: 500 });
        const stats = await server.stats();
        expect(stats).toMatchObject({ startedCalls: 500, finishedCalls: 500, sessions: 4, acceptedSessions: 4 });
        expect(stats.peakOpenCallsOnSession).toBe(7);
        expect(stats.peakOpenCalls).toBeLessThanOrEqual(28);
      }
      await check.expectNothingLeft();
    });

    it('takes what the server says for its limit', async () => {
      await using server = await start({ maxConcurrentStreams: 7 });
      await using client = open(server.target, { maxChannels: 4 });
      expect(await manyCalls(client, 1)).toEqual({ OK: 1 });
      expect(client.pool.stats().channels).toMatchObject([{ maxConcurrentStreams: 7, learnedFromServer: true }]);
      const calls = manyCalls(client, 200, { delayMs: 100 });
      await server.waitFor(({ openCalls }) => openCalls === 28);
      expect(client.pool.stats().channels.map(({ inFlightCalls }) => inFlightCalls)).toEqual([7, 7, 7, 7]);
      expect(await calls).toEqual({ OK: 200 });
      expect((await server.stats()).peakOpenCallsOnSession).toBe(7);
    });
  });

  it('loses no call when the server sends its connections away for their age', async () => {
    await using server = await start({ maxConnectionAgeMs: 100 });
    await using client = open(server.target, { minChannels: 2, maxChannels: 4 });
    const all: Record<string, number> = {};
    let started = 0;
    for (let accepted = 0; accepted < 8; accepted = (await server.stats()).acceptedSessions) {
      const counts = await manyCalls(client, 20, { delayMs: 10 });
      for (const [name, count] of Object.entries(counts)) all[name] = (all[name] ?? 0) + count;
      started += 20;
    }
    expect(all).toEqual({ OK: started });
  });

  it('speaks TLS with it', async () => {
    const tls = await selfSignedCertificate();
    await using server = await start({ tls });
    await using client = createPooledClient(Client, server.target, credentials.createSsl(Buffer.from(tls.cert)), {
      'grpc.ssl_target_name_override': 'localhost',
      onDispose: 'cancel',
    });
    expect(await manyCalls(client, 50)).toEqual({ OK: 50 });
  });

  describe.each(KINDS)('a %s call', (kind) => {
    it('brings what a plain client brings: metadata, messages, status, details and trailers', async () => {
      await using server = await start();
      await using pooled = open(server.target);
      const plain = new Client(server.target, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('tenant', 'blue, with a comma');
      metadata.add('key-bin', Buffer.from([0, 255, 1, 44]));
      metadata.add('key-bin', Buffer.from([2]));
      const names = ['tenant', 'key-bin'];
      for (const statusCode of [status.OK, status.FAILED_PRECONDITION]) {
        const request = {
          payload: Buffer.from('hello'),
          responseCount: 1,
          statusCode,
          ...(statusCode === status.OK ? {} : { statusDetails: 'as asked: ü %' }),
          sendInitialMetadata: true,
          echoMetadata: names,
          echoTrailers: names,
        };
        const outcome = await outcomeOf(pooled, kind, request, metadata);
        expect(visible(outcome)).toEqual(visible(await outcomeOf(plain, kind, request, metadata)));
        expect(outcome.status).toMatchObject({ code: statusCode, details: request.statusDetails ?? '' });
        for (const received of [outcome.headers, outcome.status.metadata]) {
          expect(received?.get('tenant')).toEqual(['blue, with a comma']);
          expect(received?.get('key-bin')).toEqual([Buffer.from([0, 255, 1, 44]), Buffer.from([2])]);
        }
      }
      plain.close();
    });

    it('brings the details of a rich status', async () => {
      await using server = await start();
      await using client = open(server.target);
      const request = { statusCode: status.RESOURCE_EXHAUSTED, statusDetails: 'enough', describe: true };
      const { status: ending } = await outcomeOf(client, kind, request, new Metadata());
      expect(ending).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'enough' });
      const [rich] = ending.metadata.get('grpc-status-details-bin') as Buffer[];
      // google.rpc.Status: the code, the message, and an Any that names its type.
      expect([...(rich?.subarray(0, 2) ?? [])]).toEqual([0x08, status.RESOURCE_EXHAUSTED]);
      expect(String(rich)).toContain('enough');
      expect(String(rich)).toContain('type.googleapis.com/manifold.testing.v1.EchoDetails');
    });
  });
});
