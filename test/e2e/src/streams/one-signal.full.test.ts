import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { credentials } from '@grpc/grpc-js';
import { scoped } from '@grpc-manifold/stream-scope';
import { loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Enough to see what one leaves; 100,000 are run on calls without a wire, beside the sources of the package. */
const STREAMS = Number(process.env['MANIFOLD_STREAMS'] ?? 10_000);
const AT_ONE_TIME = 100;

it(
  'frees a long-lived signal, and the heap, of each short stream of a pooled client',
  { timeout: 300_000 },
  async () => {
    await using server = await startEchoServer();
    await using client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure());
    const { signal } = new AbortController();
    let peakListeners = 0;

    /** Every second one is left before its end. */
    async function one(left: number): Promise<void> {
      using stream = scoped(client.serverStream({ responseCount: 2 }), { signal, maxLifetimeMs: 600_000 });
      for await (const _message of stream) if (left % 2 === 0) break;
      await stream.status;
    }

    async function run(streams: number): Promise<void> {
      let left = streams;
      const work = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          await one(left);
          peakListeners = Math.max(peakListeners, getEventListeners(signal, 'abort').length);
        }
      };
      await Promise.all(Array.from({ length: AT_ONE_TIME }, work));
    }

    async function heapBytes(): Promise<number> {
      for (let round = 0; round < 5; round += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        gc();
      }
      return process.memoryUsage().heapUsed;
    }

    await run(STREAMS / 5);
    const before = await heapBytes();
    await run((STREAMS * 4) / 5);
    const after = await heapBytes();
    if (process.env['MANIFOLD_SHOW'] !== undefined) {
      console.log(`${STREAMS} streams: heap ${before} then ${after} bytes`);
    }
    expect(peakListeners).toBe(1);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(after - before).toBeLessThan(4 * 1024 * 1024);
  },
);
