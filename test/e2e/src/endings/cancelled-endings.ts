import { InterceptingCall, status, type Interceptor, type Metadata } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { ONE_STREAM, type Ending } from './ending.js';
import { RawCall } from './raw-call.js';

/** An interceptor that keeps calls from starting until it is told to let them. */
function heldStart(): { interceptor: Interceptor; held: Promise<void>; letStart: () => void } {
  let letStart = (): void => undefined;
  let isHeld = (): void => undefined;
  const held = new Promise<void>((resolve) => (isHeld = resolve));
  const interceptor: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata: Metadata, listener, next) => {
        letStart = () => next(metadata, listener);
        isHeld();
      },
    });
  return { interceptor, held, letStart: () => letStart() };
}

/** Calls that their caller ended. */
export const CANCELLED: readonly Ending[] = [
  {
    name: 'a cancel before the start',
    code: status.CANCELLED,
    details: /^changed my mind$/,
    async act(stage, kind) {
      const call = new RawCall(stage.pool, kind);
      call.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
      call.start();
      call.read();
      // Never in the caller's own stack.
      expect(call.statuses).toEqual([]);
      return call;
    },
  },
  {
    name: 'a cancel while an interceptor delays the start',
    code: status.CANCELLED,
    async act(stage, kind) {
      const { interceptor, held, letStart } = heldStart();
      const call = stage.begin(kind, { options: { interceptors: [interceptor] } });
      await held;
      call.cancel();
      letStart();
      return call;
    },
  },
  {
    name: 'a deadline that passes while an interceptor delays the start',
    code: status.DEADLINE_EXCEEDED,
    async act(stage, kind) {
      const { interceptor, held, letStart } = heldStart();
      const deadline = Date.now() + 5;
      const call = stage.begin(kind, { options: { interceptors: [interceptor], deadline } });
      await held;
      while (Date.now() <= deadline) await new Promise(setImmediate);
      letStart();
      return call;
    },
  },
  {
    name: 'a cancel in the tick of the start, on a pool without a connection',
    code: status.CANCELLED,
    async act(stage, kind) {
      const call = stage.begin(kind);
      call.cancel();
      return call;
    },
  },
  {
    name: 'a cancel in the tick of the start, on a connection',
    code: status.CANCELLED,
    async act(stage, kind) {
      await stage.begin('unary').outcome;
      const call = stage.begin(kind);
      call.cancel();
      return call;
    },
  },
  {
    name: 'a cancel while queued',
    pool: ONE_STREAM,
    code: status.CANCELLED,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind, { request: { payload: Buffer.alloc(1_000) } });
      expect(stage.pool.stats().queuedCalls).toBe(1);
      call.cancel();
      expect(stage.pool.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0, inFlightCalls: 1 });
      return call;
    },
  },
  {
    name: 'a cancel in flight',
    code: status.CANCELLED,
    details: /^Cancelled on client$/,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { hang: true } });
      await stage.reached();
      call.cancel();
      call.cancel();
      return call;
    },
  },
  {
    name: 'a cancel in the middle of the responses',
    code: status.CANCELLED,
    async act(stage, kind) {
      const many = kind === 'server-stream' || kind === 'bidi';
      const call = stage.begin(kind, {
        request: many ? { responseCount: 1_000, responseBytes: 1_000 } : { hang: true },
        onMessage: () => call.cancel(),
      });
      if (!many) {
        await stage.reached();
        call.cancel();
      }
      return call;
    },
  },
];
