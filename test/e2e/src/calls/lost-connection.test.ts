import { credentials, status } from '@grpc/grpc-js';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import {
  type EchoRequest,
  type EchoServer,
  loadEchoPackage,
  startEchoServer,
  startScriptedPeer,
  until,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClientOptions } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { ClientSockets } from '../interleavings/client-sockets.js';
import { ToldWorkers } from '../threads/told-workers.js';

const { EchoClient } = loadEchoPackage();
/** What the system says of a connection that is lost; grpc-js itself has UNAVAILABLE for the first two alone. */
const CODES = ['ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'ECONNABORTED', 'EIO'];
/** Words of grpc-js for such a loss. */
const WORDS = 'Received RST_STREAM with code 2 triggered by internal client error: write EPIPE';

let server: EchoServer;
beforeAll(async () => {
  server = await startEchoServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** What a client's connections live in, and how they are lost. */
interface Place extends AsyncDisposable {
  readonly options: PooledClientOptions;
  lose(code: string): void;
}

function here(): Place {
  const sockets = new ClientSockets();
  return {
    options: {},
    lose: (code) => sockets.lose(code),
    [Symbol.asyncDispose]: async () => sockets[Symbol.dispose](),
  };
}

function inThread(): Place {
  const workers = new ToldWorkers();
  const factory = threadChannelFactory({ threads: 1, workerUrl: ToldWorkers.workerUrl });
  return {
    options: { channelFactory: factory },
    lose: (code) => workers.tell({ thread: workers.threads[0] as number, how: 'loses its sockets', code }),
    async [Symbol.asyncDispose]() {
      await factory[Symbol.asyncDispose]();
      workers[Symbol.dispose]();
    },
  };
}

function open(target: string, { options }: Place) {
  return createPooledClient(EchoClient, target, credentials.createInsecure(), {
    maxChannels: 1,
    onDispose: 'cancel',
    ...options,
  });
}

const places = process.env['MANIFOLD_THREADS'] === undefined ? [['here', here] as const] : [];

describe.each([...places, ['in a worker thread', inThread] as const])(
  'a connection %s that is lost',
  (_where, make) => {
    it.each(CODES)('by %s ends its calls with UNAVAILABLE and says so', async (code) => {
      await using place = make();
      await using client = open(server.target, place);
      const requests: EchoRequest[] = [{ hang: true }, { hang: true, sendInitialMetadata: true }];
      const calls = KINDS.flatMap((kind) => requests.map((request) => new RecordedCall(client, kind, { request })));
      await server.waitFor(({ openCalls }) => openCalls === calls.length);
      place.lose(code);
      for (const call of calls) {
        expect((await call.outcome).code).toBe(status.UNAVAILABLE);
        expect(explain(call.error)?.fault).toEqual({ tag: 'reset', detail: `connection lost: write ${code}` });
        call.expectOneOutcome();
      }
      const next = new RecordedCall(client, 'unary');
      expect((await next.outcome).code).toBe(status.OK);
    });

    it('after a GOAWAY ends them so, too', async () => {
      await using peer = await startScriptedPeer();
      await using place = make();
      await using client = open(peer.target, place);
      const call = new RecordedCall(client, 'server-stream');
      await peer.waitFor(({ connections }) => connections[0]?.openStreamIds.length === 1);
      peer.connections[0]?.sendGoaway(0, 1);
      await until('the pool', () => client.pool.stats().channels[0]?.state === 'draining');
      place.lose('EPIPE');
      expect((await call.outcome).code).toBe(status.UNAVAILABLE);
      expect(explain(call.error)?.fault).toEqual({ tag: 'reset', detail: 'connection lost: write EPIPE' });
    });
  },
);

describe('a connection that is there', () => {
  it.each(KINDS)('leaves an INTERNAL of its server as it is, whatever its words: %s', async (kind) => {
    await using place = here();
    await using client = open(server.target, place);
    for (const sendInitialMetadata of [false, true]) {
      const request = { statusCode: status.INTERNAL, statusDetails: WORDS, sendInitialMetadata };
      const call = new RecordedCall(client, kind, { request });
      expect(await call.outcome).toMatchObject({ code: status.INTERNAL });
      expect(explain(call.error)?.fault).toBeUndefined();
    }
  });
});
