import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Ending } from './ending.js';

/** Calls that the server ended. */
export const ANSWERED: readonly Ending[] = [
  {
    name: 'ok',
    code: status.OK,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { payload: Buffer.from('hello') } });
      await call.outcome;
      expect(call.messages.map((message) => String(message.payload))).toEqual(['hello']);
      return call;
    },
  },
  {
    name: 'an error status after metadata',
    code: status.ABORTED,
    details: /^as asked$/,
    async act(stage, kind) {
      const request = { statusCode: status.ABORTED, statusDetails: 'as asked', sendInitialMetadata: true };
      const call = stage.begin(kind, { request });
      await call.outcome;
      expect(call.metadata).toHaveLength(1);
      return call;
    },
  },
  {
    name: 'trailers-only',
    code: status.NOT_FOUND,
    details: /^nothing there$/,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { statusCode: status.NOT_FOUND, statusDetails: 'nothing there' } });
      await call.outcome;
      expect(call.metadata).toHaveLength(0);
      return call;
    },
  },
  {
    name: 'an error status while it waited for a stream',
    pool: { maxChannels: 1, maxStreamsPerChannel: 1 },
    code: status.DATA_LOSS,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind, { request: { statusCode: status.DATA_LOSS } });
      expect(stage.pool.stats().queuedCalls).toBe(1);
      await stage.release();
      return call;
    },
  },
  {
    name: 'a cancel after the status',
    code: status.OK,
    async act(stage, kind) {
      const call = stage.begin(kind);
      await call.outcome;
      call.cancel();
      return call;
    },
  },
  {
    name: 'a write after the status',
    code: status.FAILED_PRECONDITION,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { statusCode: status.FAILED_PRECONDITION }, halfClose: false });
      await call.outcome;
      // Each is answered, or a writer that heeds its callbacks would wait for ever.
      await Promise.all([call.write({}), call.write({ payload: Buffer.alloc(100_000) })]);
      return call;
    },
  },
];
