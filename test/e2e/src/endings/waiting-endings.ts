import { status } from '@grpc/grpc-js';
import { explain } from 'grpc-manifold';
import { expect } from 'vitest';
import { ONE_STREAM, type Ending } from './ending.js';
import { RawCall } from './raw-call.js';

/** Calls that ended by a deadline, or by a bound of the waiting room. */
export const TIMED_OUT: readonly Ending[] = [
  {
    name: 'a deadline in flight',
    code: status.DEADLINE_EXCEEDED,
    details: /on connection 1/,
    async act(stage, kind) {
      await stage.begin('unary').outcome;
      return stage.begin(kind, { request: { hang: true }, options: { deadline: Date.now() + 50 } });
    },
  },
  {
    name: 'a deadline that is past at the start',
    code: status.DEADLINE_EXCEEDED,
    async act(stage, kind) {
      const call = stage.begin(kind, { options: { deadline: Date.now() - 1_000 } });
      // Nothing was opened for it.
      expect(stage.pool.stats().channels).toEqual([]);
      return call;
    },
  },
  {
    name: 'a deadline that is past at the start, on the channel itself',
    code: status.DEADLINE_EXCEEDED,
    async act(stage, kind) {
      const call = new RawCall(stage.pool, kind, new Date(0));
      call.start();
      call.read();
      expect(call.statuses).toEqual([]);
      return call;
    },
  },
  {
    name: 'a deadline while queued',
    pool: ONE_STREAM,
    code: status.DEADLINE_EXCEEDED,
    details:
      /waiting for a stream: 1 of 1 in use, limit 1 a connection by maxStreamsPerChannel; waited \d+ ms, never sent$/,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind, { options: { deadline: Date.now() + 20 } });
      expect(stage.pool.stats().queuedCalls).toBe(1);
      return call;
    },
  },
  {
    name: 'the longest wait in the queue',
    pool: { ...ONE_STREAM, queue: { maxQueueTimeMs: 200 } },
    code: status.RESOURCE_EXHAUSTED,
    details: /queue-time.*maxQueueTimeMs 200/,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind);
      expect(stage.pool.stats().queuedCalls).toBe(1);
      await call.outcome;
      expect(explain(call.error)).toMatchObject({ refusedBy: 'queue-time', limit: 200 });
      return call;
    },
  },
  {
    name: 'a full queue',
    pool: { ...ONE_STREAM, queue: { maxQueuedCalls: 1 } },
    code: status.RESOURCE_EXHAUSTED,
    details: /queue-full.*maxQueuedCalls 1/,
    async act(stage, kind) {
      await stage.fill();
      const waiting = stage.begin('unary');
      const call = stage.begin(kind);
      await call.outcome;
      expect(explain(call.error)).toMatchObject({ refusedBy: 'queue-full', limit: 1, queuedCalls: 1 });
      await stage.release();
      expect((await waiting.outcome).code).toBe(status.OK);
      return call;
    },
  },
  {
    name: 'a message that is too large for the queue',
    pool: { ...ONE_STREAM, queue: { maxQueuedBytes: 1_000 } },
    code: status.RESOURCE_EXHAUSTED,
    details: /queue-bytes.*maxQueuedBytes 1000/,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind, { request: { payload: Buffer.alloc(2_000) } });
      await call.outcome;
      expect(explain(call.error)).toMatchObject({ refusedBy: 'queue-bytes', limit: 1_000 });
      return call;
    },
  },
];
