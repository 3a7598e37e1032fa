import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { status } from '@grpc/grpc-js';
import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { explain } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueuedClient } from './queued-client.js';

const CALLS = 100_000;
const BATCH = 1_000;
const MAX_QUEUED_CALLS = 1_000;
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const LIMIT = 10;

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that are in use, with nothing to collect. */
async function heapUsed(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    await turn();
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

describe('100,000 calls against a queue of 1,000 calls and 8 MiB', () => {
  it.each([
    ['calls', 'plain', 4_096, 'queue-full'],
    ['bytes', 'pooled', 32_768, 'queue-bytes'],
  ] as const)(
    'are refused in the turn after their start, for lack of room for %s, and cost no memory: %s client',
    async (_bound, which, payloadBytes, refusedBy) => {
      await using stage = new QueuedClient(server.target, which, {
        limit: LIMIT,
        maxQueuedCalls: MAX_QUEUED_CALLS,
        maxQueuedBytes: MAX_QUEUED_BYTES,
        maxQueueTimeMs: Infinity,
      });
      const { queue, client } = stage;
      stage.fill(LIMIT);
      const payload = Buffer.alloc(payloadBytes);
      const outcomes = new Map<string, number>();
      let settled = 0;
      let most = { queuedCalls: 0, queuedBytes: 0 };
      let heapOfWaiting = 0;
      for (let started = 0; started < CALLS; started += BATCH) {
        for (let place = 0; place < BATCH; place += 1) {
          client.unary({ payload }, (error) => {
            settled += 1;
            const outcome = explain(error)?.refusedBy ?? status[error?.code ?? status.OK];
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          });
          const { queuedCalls, queuedBytes } = queue.stats();
          most = {
            queuedCalls: Math.max(most.queuedCalls, queuedCalls),
            queuedBytes: Math.max(most.queuedBytes, queuedBytes),
          };
        }
        await turn();
        await turn();
        expect(settled).toBe(started + BATCH - queue.stats().queuedCalls);
        if (started === 9 * BATCH) heapOfWaiting = await heapUsed();
      }
      const grownBytes = (await heapUsed()) - heapOfWaiting;
      const waiting = queue.stats().queuedCalls;
      expect(most.queuedCalls).toBeLessThanOrEqual(MAX_QUEUED_CALLS);
      expect(most.queuedBytes).toBeLessThanOrEqual(MAX_QUEUED_BYTES);
      expect(refusedBy === 'queue-full' ? most.queuedCalls : most.queuedBytes + payloadBytes).toBeGreaterThanOrEqual(
        refusedBy === 'queue-full' ? MAX_QUEUED_CALLS : MAX_QUEUED_BYTES,
      );
      expect([...outcomes]).toEqual([[refusedBy, CALLS - waiting]]);
      expect(queue.stats().shedCalls).toBe(CALLS - waiting);
      // 90,000 calls later: not 50 bytes each.
      expect(grownBytes).toBeLessThan(4 * 1024 * 1024);
      // Those that waited had their turn after all.
      await stage.release();
      while (queue.stats().inFlightCalls + queue.stats().queuedCalls > 0) await turn();
      expect(outcomes.get('OK')).toBe(waiting);
      expect(queue.stats().queuedBytes).toBe(0);
    },
    120_000,
  );
});
