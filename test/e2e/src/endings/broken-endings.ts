import { makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClientConstructor, type EchoRequest } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { expect } from 'vitest';
import type { Kind } from './call-kind.js';
import { deliberateThrow } from './deliberate-throw.js';
import { ONE_STREAM, type Ending } from './ending.js';
import { RawCall } from './raw-call.js';
import { RecordedCall } from './recorded-call.js';

/** Attempts to connect again follow each other quickly. */
const IMPATIENT = { channelOptions: { 'grpc.initial_reconnect_backoff_ms': 10 } } as const;

/** A client of the Echo service that cannot read any response. */
const BlindEchoClient = makeGenericClientConstructor(
  Object.fromEntries(
    Object.entries(loadEchoPackage().service).map(([name, method]) => [
      name,
      {
        ...method,
        responseDeserialize: () => {
          throw new Error('not in my language');
        },
      },
    ]),
  ),
  'Echo',
) as unknown as EchoClientConstructor;

const isStreamed = (kind: Kind): boolean => kind === 'server-stream' || kind === 'bidi';

/** Calls that ended by something that broke: the connection, a message, the caller's own code. */
export const BROKEN: readonly Ending[] = [
  {
    name: 'a connection that is reset',
    pool: IMPATIENT,
    code: status.UNAVAILABLE,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { hang: true } });
      await stage.reached();
      stage.proxy.connections[0]?.reset();
      return call;
    },
  },
  {
    name: 'a connection that is ended',
    pool: IMPATIENT,
    code: status.UNAVAILABLE,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { hang: true } });
      await stage.reached();
      stage.proxy.connections[0]?.end();
      return call;
    },
  },
  {
    name: 'a request that cannot be serialized',
    code: status.INTERNAL,
    details: /^Request message serialization failure: unspeakable$/,
    async act(stage, kind) {
      return stage.begin(kind, { request: unspeakable() });
    },
  },
  {
    name: 'a request that cannot be serialized, while queued',
    pool: ONE_STREAM,
    code: status.INTERNAL,
    details: /unspeakable/,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind, { request: unspeakable() });
      await call.outcome;
      expect(stage.pool.stats().queuedCalls).toBe(0);
      return call;
    },
  },
  {
    name: 'a response that cannot be read',
    code: status.INTERNAL,
    details: /^Response message parsing error: not in my language$/,
    async act(stage, kind) {
      return new RecordedCall(createPooledClient(BlindEchoClient, stage.pool), kind);
    },
  },
  {
    name: 'a callback that throws at the outcome',
    code: status.OK,
    async act(stage, kind) {
      return deliberateThrow((boom) => stage.begin(kind, { onOutcome: boom }));
    },
  },
  {
    name: 'a callback that throws at an error',
    code: status.ABORTED,
    async act(stage, kind) {
      const request = { statusCode: status.ABORTED };
      return deliberateThrow((boom) => stage.begin(kind, { request, onOutcome: boom }));
    },
  },
  {
    name: 'a callback that throws at an ending of ours',
    pool: ONE_STREAM,
    code: status.CANCELLED,
    async act(stage, kind) {
      await stage.fill();
      return deliberateThrow((boom) => {
        const call = stage.begin(kind, { onOutcome: boom });
        call.cancel();
        return call;
      });
    },
  },
  {
    name: 'a listener that throws at the metadata',
    code: status.OK,
    async act(stage, kind) {
      const request = { sendInitialMetadata: true };
      return deliberateThrow((boom) => stage.begin(kind, { request, onMetadata: boom }));
    },
  },
  {
    name: 'a listener that throws at a message',
    code: status.OK,
    async act(stage, kind) {
      // Kinds with one response hand it out with the outcome.
      if (!isStreamed(kind)) return stage.begin(kind);
      return deliberateThrow((boom) => stage.begin(kind, { onMessage: boom }));
    },
  },
  {
    name: 'a listener that throws at the last message, when the status has come already',
    code: status.OK,
    async act(stage, kind) {
      return deliberateThrow(async (boom) => {
        const call = new RawCall(stage.pool, kind);
        call.start({}, boom);
        await stage.server?.waitFor((now) => now.finishedCalls > stage.finishedBefore);
        // Comes back on the same connection, after what the server sent before.
        await stage.begin('unary').outcome;
        call.read();
        return call;
      });
    },
  },
];

/** A request that throws as soon as somebody reads it. */
function unspeakable(): EchoRequest {
  return {
    get payload(): Buffer {
      throw new Error('unspeakable');
    },
  };
}
