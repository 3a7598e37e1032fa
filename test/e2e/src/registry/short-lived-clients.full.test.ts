import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { credentials } from '@grpc/grpc-js';
import { leakCheck, loadEchoPackage, seededRandom } from '@grpc-manifold/testing';
import { ChannelPoolRegistry, createPooledClient } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { startCountingServers } from './counting-servers.js';

const CLIENTS = 10_000;
const TARGETS = 50;
/** Clients that are alive at one time. */
const CONCURRENT_CLIENTS = 10;
const MAX_CHANNELS = 2;
const MAX_IDLE_CHANNELS = 20;
/** Those in use and those that are kept; one that is being closed is one of them until its socket is gone. */
const MAX_SOCKETS = CONCURRENT_CLIENTS * MAX_CHANNELS + MAX_IDLE_CHANNELS;
const HEAP_LOOKS = 5;
/** Where growth is measured from: code is compiled during the first thousands, which takes memory too. */
const WARM_LOOK = 1;
/** A leak of 1 KB a client would be twice as much between the warm look and the last. */
const MAX_HEAP_GROWTH_BYTES = 3_000_000;

/** Bytes in use once all garbage is gone. */
async function settledHeap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times += 1) {
    await turn();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

it('keeps the sockets of ten thousand short-lived clients within its bounds, and nothing in the end', async () => {
  const check = leakCheck();
  const heap: number[] = [];
  {
    let peakIdleChannels = 0;
    await using servers = await startCountingServers(TARGETS, () => {
      peakIdleChannels = Math.max(peakIdleChannels, registry.stats().idleChannels);
    });
    const registry = new ChannelPoolRegistry({
      maxChannels: MAX_CHANNELS,
      maxStreamsPerChannel: 1,
      maxIdleChannels: MAX_IDLE_CHANNELS,
    });
    const { EchoClient } = loadEchoPackage();
    const given = credentials.createInsecure();
    const random = seededRandom(1);
    const failures: unknown[] = [];

    /**
     * One client, from its lease to its end. Some targets are called more often than others; some clients call twice.
     */
    const live = async (number: number): Promise<void> => {
      const target = servers.targets[Math.floor(TARGETS * random.next() ** 6)] as string;
      using lease = registry.acquire(target, given, 'plain text');
      await using client = createPooledClient(EchoClient, lease.pool);
      const call = (): Promise<unknown> => new Promise((resolve) => client.unary({}, resolve));
      const errors = await Promise.all(number % 10 === 0 ? [call(), call()] : [call()]);
      failures.push(...errors.filter((error) => error !== null));
    };

    let started = 0;
    const liveUntil = async (last: number): Promise<void> => {
      while (started < last) await live(++started);
    };
    for (let look = 1; look <= HEAP_LOOKS; look += 1) {
      const last = (CLIENTS / HEAP_LOOKS) * look;
      await Promise.all(Array.from({ length: CONCURRENT_CLIENTS }, () => liveUntil(last)));
      // Or the check would hold on to every socket that it has seen.
      check.leftovers();
      heap.push(await settledHeap());
      expect(registry.stats().leases).toBe(0);
      expect(registry.stats().idleChannels).toBeLessThanOrEqual(MAX_IDLE_CHANNELS);
    }
    expect(failures).toEqual([]);
    const growth = (heap.at(-1) as number) - (heap[WARM_LOOK] as number);
    console.log(
      `${CLIENTS} clients over ${TARGETS} targets: ${servers.acceptedSockets} sockets, at most ${servers.peakSockets} at ` +
        `one time (bound ${MAX_SOCKETS}), ${peakIdleChannels} of them idle (bound ${MAX_IDLE_CHANNELS}); heap ${heap.map((bytes) => (bytes / 1e6).toFixed(1)).join(', ')} MB`,
    );
    expect(servers.peakSockets).toBeLessThanOrEqual(MAX_SOCKETS);
    expect(peakIdleChannels).toBeLessThanOrEqual(MAX_IDLE_CHANNELS);
    expect(growth).toBeLessThan(MAX_HEAP_GROWTH_BYTES);

    await registry[Symbol.asyncDispose]();
    while (servers.openSockets > 0) await turn();
    expect(registry.stats()).toEqual({ pools: 0, leases: 0, channels: 0, idleChannels: 0 });
  }
  await check.expectNothingLeft();
}, 240_000);
