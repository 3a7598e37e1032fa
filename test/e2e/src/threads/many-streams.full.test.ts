import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { credentials } from '@grpc/grpc-js';
import { scoped } from '@grpc-manifold/stream-scope';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { ToldWorkers } from './told-workers.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const STREAMS = 10_000;
const AT_ONE_TIME = 100;
const MOST_BYTES = 4 * 1024 * 1024;

it('ten thousand streams that were started and left are nothing in either thread', { timeout: 240_000 }, async () => {
  await using server = await startEchoServer();
  using workers = new ToldWorkers();
  await using factory = threadChannelFactory({ workerUrl: ToldWorkers.workerUrl });
  await using client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
    maxChannels: 1,
    channelFactory: factory,
  });

  /** Cancelled at once, read to its end, left after a message, or drained after one. */
  async function one(left: number): Promise<void> {
    const way = left % 4;
    await using stream = scoped(client.bidi(), way === 3 ? { onDispose: 'drain' } : {});
    if (way === 0) return;
    await stream.write({ responseCount: 2 });
    if (way === 1) await stream.finish();
    for await (const _message of stream) if (way > 1) break;
  }

  async function run(streams: number): Promise<void> {
    let left = streams;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await one(left);
      }
    };
    await Promise.all(Array.from({ length: AT_ONE_TIME }, work));
  }

  async function heapHere(): Promise<number> {
    for (let round = 0; round < 5; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    return process.memoryUsage().heapUsed;
  }

  await run(STREAMS / 5);
  await server.waitFor(({ openCalls }) => openCalls === 0);
  const [thread] = workers.threads as [number];
  const before = { here: await heapHere(), there: await workers.heapOf(thread) };
  await run(STREAMS);
  await server.waitFor(({ openCalls }) => openCalls === 0);
  const after = { here: await heapHere(), there: await workers.heapOf(thread) };
  if (process.env['MANIFOLD_SHOW'] !== undefined) console.log('heap', before, after);
  expect(client.pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0 });
  expect(after.here - before.here).toBeLessThan(MOST_BYTES);
  expect(after.there - before.there).toBeLessThan(MOST_BYTES);
});
