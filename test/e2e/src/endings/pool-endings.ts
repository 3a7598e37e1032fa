import { status } from '@grpc/grpc-js';
import { explain } from 'grpc-manifold';
import { expect } from 'vitest';
import { ONE_STREAM, type Ending } from './ending.js';
import { RawCall } from './raw-call.js';

/** Calls that ended with their pool. */
export const WITH_THE_POOL: readonly Ending[] = [
  {
    name: 'a pool that is destroyed, in flight',
    code: status.CANCELLED,
    details: /house cleaning/,
    closesPool: true,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { hang: true } });
      await stage.reached();
      const report = await stage.pool.destroy('house cleaning');
      expect(report).toMatchObject({ finishedCalls: 0, cancelledCalls: 1, closedChannels: 1 });
      return call;
    },
  },
  {
    name: 'a pool that is destroyed, while queued',
    pool: ONE_STREAM,
    code: status.UNAVAILABLE,
    closesPool: true,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind);
      const report = await stage.pool.destroy();
      expect(report).toMatchObject({ finishedCalls: 0, cancelledCalls: 2, closedChannels: 1 });
      await call.outcome;
      expect(explain(call.error)?.refusedBy).toBe('closed');
      return call;
    },
  },
  {
    name: 'a pool that is destroyed, while it connects',
    code: status.UNAVAILABLE,
    closesPool: true,
    async act(stage, kind) {
      const call = stage.begin(kind);
      await stage.pool.destroy();
      return call;
    },
  },
  {
    name: 'a pool that is drained: in flight it finishes',
    code: status.OK,
    closesPool: true,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { delayMs: 50 }, halfClose: false });
      await stage.reached();
      const drained = stage.pool.drain({ timeoutMs: Infinity });
      call.call.end?.();
      expect(await drained).toMatchObject({ finishedCalls: 1, cancelledCalls: 0, closedChannels: 1 });
      return call;
    },
  },
  {
    name: 'a pool that is drained: what waits finishes as well',
    pool: ONE_STREAM,
    code: status.OK,
    closesPool: true,
    async act(stage, kind) {
      await stage.fill();
      const call = stage.begin(kind);
      const drained = stage.pool.drain({ timeoutMs: Infinity });
      await stage.release();
      expect(await drained).toMatchObject({ finishedCalls: 2, cancelledCalls: 0 });
      return call;
    },
  },
  {
    name: 'a drain whose time is up',
    code: status.CANCELLED,
    closesPool: true,
    async act(stage, kind) {
      const call = stage.begin(kind, { request: { hang: true } });
      await stage.reached();
      expect(await stage.pool.drain({ timeoutMs: 5 })).toMatchObject({ finishedCalls: 0, cancelledCalls: 1 });
      return call;
    },
  },
  {
    name: 'a pool that was closed before the start',
    code: status.UNAVAILABLE,
    details: /closed/,
    closesPool: true,
    async act(stage, kind) {
      stage.pool.close();
      const call = stage.begin(kind);
      expect(call.statuses).toEqual([]);
      await call.outcome;
      expect(explain(call.error)?.refusedBy).toBe('closed');
      return call;
    },
  },
  {
    name: 'a pool that is closed between making and starting it',
    code: status.UNAVAILABLE,
    details: /closed/,
    closesPool: true,
    async act(stage, kind) {
      const call = new RawCall(stage.pool, kind);
      await stage.pool.destroy();
      call.start();
      call.read();
      expect(call.statuses).toEqual([]);
      return call;
    },
  },
];
