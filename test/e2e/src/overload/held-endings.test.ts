import { status } from '@grpc/grpc-js';
import { type EchoServer, eventually, leakCheck, startEchoServer } from '@grpc-manifold/testing';
import { explain, type BoundedQueueOptions } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import type { CallStart, RecordedCall } from '../endings/recorded-call.js';
import { CLIENTS, QueuedClient } from './queued-client.js';

/** One way in which a call ends that has waited, or that may not even wait. */
interface HeldEnding {
  readonly name: string;
  readonly options?: BoundedQueueOptions;
  readonly start?: () => CallStart;
  readonly act?: (stage: QueuedClient, call: RecordedCall) => unknown;
  readonly code: status;
  readonly refusedBy?: string;
  /** The same, where it is the pool that refuses. */
  readonly refusedByPool?: string;
  /** The queue takes no calls afterwards. */
  readonly closes?: boolean;
}

const ENDINGS: readonly HeldEnding[] = [
  { name: 'its answer', act: (stage) => stage.release(), code: status.OK },
  {
    name: 'the failure of its server',
    start: () => ({ request: { statusCode: status.ABORTED } }),
    act: (stage) => stage.release(),
    code: status.ABORTED,
  },
  { name: 'a cancel', act: (_stage, call) => call.cancel(), code: status.CANCELLED },
  {
    name: 'a cancel in the tick of its admission',
    act: (stage, call) => {
      stage.queue.update({ limit: 2 });
      call.cancel();
    },
    code: status.CANCELLED,
  },
  {
    name: 'a deadline',
    start: () => ({ options: { deadline: Date.now() + 20 } }),
    code: status.DEADLINE_EXCEEDED,
  },
  {
    name: 'a deadline after its admission',
    start: () => ({ request: { hang: true }, options: { deadline: Date.now() + 150 } }),
    act: (stage) => stage.release(),
    code: status.DEADLINE_EXCEEDED,
  },
  {
    name: 'a deadline that is past at its start',
    start: () => ({ options: { deadline: new Date(0) } }),
    code: status.DEADLINE_EXCEEDED,
  },
  {
    name: 'the longest wait',
    options: { maxQueueTimeMs: 20 },
    code: status.RESOURCE_EXHAUSTED,
    refusedBy: 'queue-time',
  },
  { name: 'a full queue', options: { maxQueuedCalls: 0 }, code: status.RESOURCE_EXHAUSTED, refusedBy: 'queue-full' },
  {
    name: 'a message that is too large to wait',
    options: { maxQueuedBytes: 1_000 },
    start: () => ({ request: { payload: Buffer.alloc(2_000) } }),
    code: status.RESOURCE_EXHAUSTED,
    refusedBy: 'queue-bytes',
  },
  {
    name: 'a newer one',
    options: { order: 'lifo', maxQueuedCalls: 1 },
    act: (stage) => void stage.fill(1),
    code: status.RESOURCE_EXHAUSTED,
    refusedBy: 'queue-full',
  },
  {
    name: 'the end of the queue',
    act: (stage) => stage.queue[Symbol.dispose](),
    code: status.UNAVAILABLE,
    refusedBy: 'closed',
    closes: true,
  },
  {
    name: 'the end of the channel',
    act: (stage) => {
      stage.client.getChannel().close();
      return stage.release();
    },
    code: status.UNAVAILABLE,
    refusedByPool: 'closed',
    closes: true,
  },
];

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

describe.each(CLIENTS)('with a %s client', (which) => {
  describe.each(ENDINGS)('$name', ({ options, start, act, code, refusedBy, refusedByPool = refusedBy, closes }) => {
    it.each(KINDS)('ends a waiting %s call once, and leaves nothing behind', async (kind) => {
      const leaks = leakCheck({ emitters: { process } });
      {
        await using stage = new QueuedClient(server.target, which, { limit: 1, ...options });
        stage.fill();
        // grpc-js leaves the socket open of a client that is closed while it connects.
        await server.waitFor((now) => now.openCalls === 1);
        const call = stage.begin(kind, start?.());
        await act?.(stage, call);
        const outcome = await call.outcome;
        expect(status[outcome.code]).toBe(status[code]);
        expect(explain(call.error)?.refusedBy).toBe(which === 'pooled' ? refusedByPool : refusedBy);
        await stage.release();
        await eventually(() =>
          expect(stage.queue.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0, queuedBytes: 0 }),
        );
        if (closes !== true) expect((await stage.begin(kind).outcome).code).toBe(status.OK);
        call.expectOneOutcome();
      }
      await server.waitFor((now) => now.openCalls === 0);
      await leaks.expectNothingLeft();
    });
  });
});
