import { connectivityState, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { QueueOptions } from '@grpc-manifold/bounded-queue';
import { explain, type CallInfo, type ShedReport } from '@grpc-manifold/core';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  type ClientCall,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const tenantOf = ({ metadata }: CallInfo): string => String(metadata.get('tenant')[0]);
const keyOf = ({ metadata }: Pick<CallInfo, 'metadata'>): string => String(metadata.get('key')[0]);

async function setUpReady(streams: number, queue: QueueOptions, options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ minChannels: 1, maxChannels: 1, maxStreamsPerChannel: streams, queue, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  return scene;
}

/** Starts calls with these keys. */
function start({ call }: Scene, keys: string): ClientCall[] {
  return keys.split(' ').map((key) => call({ metadata: { key, tenant: key.split('.')[0] as string } }));
}

const running = ({ channels }: Scene): ScriptedCall[] => channels.flatMap((channel) => channel.running);
const runningKeys = (scene: Scene): string =>
  running(scene)
    .map(({ metadata }) => String(metadata?.get('key')[0]))
    .join(' ');

/** Lets one call after the other end, and tells which they were. */
function endAll(scene: Scene): string {
  const keys: string[] = [];
  for (let [call] = running(scene); call !== undefined; [call] = running(scene)) {
    keys.push(String(call.metadata?.get('key')[0]));
    call.end();
  }
  return keys.join(' ');
}

describe('the order of the waiting room', () => {
  it.each<[QueueOptions, string]>([
    [{ order: 'fifo' }, '0 2 9 4'],
    [{ order: 'lifo' }, '0 4 9 2'],
    [{ order: 'priority', priority: (call) => Number(keyOf(call)) }, '0 9 4 2'],
  ])('%o', async (queue, expected) => {
    const scene = await setUpReady(1, queue);
    start(scene, '0 2 9 4');
    expect(endAll(scene)).toBe(expected);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0, succeededCalls: 4 });
  });

  it('changes on a living pool', async () => {
    const scene = await setUpReady(1, {});
    start(scene, '0 1 2 3');
    scene.pool.update({ queue: { order: 'lifo' } });
    expect(endAll(scene)).toBe('0 3 2 1');
    expect(() => scene.pool.update({ queue: { order: 'priority' } })).toThrow(
      new TypeError(`queue: priority must be a function where order is 'priority', got undefined`),
    );
  });

  it('serves what a connection refused before all others', async () => {
    const scene = await setUpReady(2, { order: 'lifo' });
    start(scene, '0 1 2 3');
    const [first, second] = running(scene);
    scene.clock.advance(5_000);
    scene.channel(1).become(connectivityState.IDLE);
    first?.refuse();
    second?.refuse();
    await scene.allReady();
    expect(runningKeys(scene)).toBe('0 1');
    expect(endAll(scene)).toBe('0 1 3 2');
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 2, succeededCalls: 4 });
  });

  it('refuses the one that waits longest when the newest goes first, and says so', async () => {
    const scene = await setUpReady(1, { order: 'lifo', maxQueuedCalls: 2 });
    const sheds: ShedReport[] = [];
    scene.pool.onShed((report) => sheds.push(report));
    const calls = start(scene, '0 1 2');
    scene.clock.advance(40);
    calls.push(...start(scene, '3'));
    expect(calls[1]?.statuses).toEqual([]);
    await settled();
    expect(calls[1]?.code).toBe('RESOURCE_EXHAUSTED');
    expect(explain(calls[1]?.ending)).toMatchObject({ refusedBy: 'queue-full', limit: 2, queueWaitMs: 40 });
    expect(sheds.map(({ call, explanation }) => [keyOf(call), explanation.refusedBy])).toEqual([['1', 'queue-full']]);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 2, shedCalls: 1 });
    expect(endAll(scene)).toBe('0 3 2');
  });

  it('lets a call wait that goes out before many others', async () => {
    const scene = await setUpReady(1, { order: 'lifo' });
    start(scene, Array.from({ length: 51 }, (_, index) => `${index}`).join(' '));
    for (let count = 0; count < 30; count += 1) {
      scene.clock.advance(10);
      running(scene)[0]?.end();
    }
    expect(scene.pool.stats()).toMatchObject({ queuedCalls: 20 });
    const timely = scene.call({ deadline: scene.clock.now() + 50 });
    await settled();
    expect(timely.statuses).toEqual([]);
    const hopeless = scene.call({ deadline: scene.clock.now() + 5 });
    await settled();
    expect(explain(hopeless.ending)).toMatchObject({ refusedBy: 'early-drop' });
  });

  it.each(['fifo', 'lifo'] as const)('keeps calls of a key on their connection with %s', async (order) => {
    const options = { minChannels: 2, maxChannels: 2, affinity: keyOf };
    const scene = await setUpReady(2, { order, partition: keyOf }, options);
    start(scene, 'a b a b');
    const at = new Map(scene.channels.map((channel) => [String(channel.running[0]?.metadata?.get('key')[0]), channel]));
    start(scene, 'a b');
    for (const key of ['a', 'b', 'a', 'b']) {
      at.get(key)?.running[0]?.end();
      expect(at.get(key)?.running.map(({ metadata }) => String(metadata?.get('key')[0]))).toContain(key);
    }
    expect(endAll(scene)).not.toBe('');
    expect(scene.pool.stats()).toMatchObject({ succeededCalls: 6, queuedCalls: 0 });
  });
});

describe('two tenants with shares of 0.8 and 0.2', () => {
  const queue: QueueOptions = { partition: tenantOf, shares: { gold: 0.8, bronze: 0.2 }, maxQueuedCalls: 100 };

  /**
   * Of so many calls that end one after the other, the share that was that tenant's; `offered` come with each that
   * ends.
   */
  async function shareOf(tenant: string, offered: string, order: 'fifo' | 'lifo'): Promise<number> {
    const scene = await setUpReady(10, { ...queue, order });
    const served: string[] = [];
    for (let count = 0; count < 2_000; count += 1) {
      start(scene, offered);
      const call = running(scene)[0] as ScriptedCall;
      if (count >= 200) served.push(String(call.metadata?.get('tenant')[0]));
      call.end();
      if (count % 100 === 0) await settled();
    }
    await settled();
    expect(scene.pool.stats().queuedCalls).toBeLessThanOrEqual(100);
    return served.filter((each) => each === tenant).length / served.length;
  }

  it.each<[string, string, string, 'fifo' | 'lifo', number]>([
    ['when the other floods', 'gold', 'gold bronze bronze bronze bronze bronze', 'fifo', 0.8],
    ['when the other floods', 'bronze', 'bronze gold gold gold gold gold', 'fifo', 0.2],
    ['when the other floods', 'gold', 'gold bronze bronze bronze bronze bronze', 'lifo', 0.8],
    ['when both flood', 'gold', 'gold gold gold bronze bronze bronze', 'fifo', 0.8],
    ['and all of it when alone', 'gold', 'gold gold', 'fifo', 1],
    ['and all of it when alone', 'bronze', 'bronze bronze', 'fifo', 1],
  ])('each has its share %s: %s of %s, %s', async (_when, tenant, offered, order, share) => {
    const had = await shareOf(tenant, offered, order);
    expect(had).toBeGreaterThanOrEqual(share * 0.9);
    expect(had).toBeLessThanOrEqual(Math.min(1, share * 1.1));
  });

  it('binds nobody while there is room', async () => {
    const scene = await setUpReady(10, queue);
    start(scene, Array.from({ length: 10 }, (_, index) => `bronze.${index}`).join(' '));
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 10, queuedCalls: 0 });
    start(scene, 'bronze.late gold.1 gold.2');
    for (const call of running(scene).slice(0, 3)) call.end();
    expect(runningKeys(scene).split(' ').slice(-3)).toEqual(['gold.1', 'gold.2', 'bronze.late']);
  });

  it('refuses the one over its share, with its numbers', async () => {
    const scene = await setUpReady(1, { ...queue, maxQueuedCalls: 5 });
    const sheds: ShedReport[] = [];
    scene.pool.onShed((report) => sheds.push(report));
    const calls = start(scene, 'bronze.0 bronze.1 bronze.2 bronze.3 bronze.4 bronze.5 gold.1 bronze.6');
    await settled();
    expect(calls.map(({ statuses }) => statuses.length)).toEqual([0, 0, 0, 0, 0, 1, 0, 1]);
    const [pushedOut, refused] = [calls[5], calls[7]] as [ClientCall, ClientCall];
    expect([pushedOut.code, refused.code]).toEqual(['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED']);
    for (const each of [pushedOut, refused]) {
      expect(each.ending.details).toBe(
        `Refused before it was sent, share: 4 calls of partition 'bronze' wait and 1 are in flight, ` +
          'its share of maxQueuedCalls 5 is 1; 1 calls in flight, 5 queued',
      );
      expect(explain(each.ending)).toEqual({
        from: 'object',
        refusedBy: 'share',
        limit: 1,
        queueWaitMs: 0,
        inFlightCalls: 1,
        queuedCalls: 5,
      });
    }
    expect(sheds.map(({ explanation }) => explanation.refusedBy)).toEqual(['share', 'share']);
    expect(scene.pool.stats()).toMatchObject({ shedCalls: 2, queuedCalls: 5 });
  });

  it('can be changed on a living pool, with calls in flight counted on', async () => {
    const scene = await setUpReady(4, { partition: tenantOf });
    start(scene, 'gold.1 gold.2 bronze.1 bronze.2 gold.3 bronze.3');
    scene.pool.update({ queue: { shares: { gold: 0.25, bronze: 0.75 } } });
    running(scene)[0]?.end();
    expect(runningKeys(scene)).toBe('gold.2 bronze.1 bronze.2 bronze.3');
  });

  it.each<[string, (scene: Scene, call: ClientCall) => unknown]>([
    ['answers', (scene) => running(scene)[0]?.end()],
    ['fails', (scene) => running(scene)[0]?.end(status.INTERNAL)],
    ['is cancelled', (_scene, { call }) => call.cancelWithStatus(status.CANCELLED, 'enough')],
    ['is past its deadline', ({ clock }) => clock.advance(1_000)],
  ])('count a call no longer once it %s', async (_what, end) => {
    const scene = await setUpReady(2, { partition: tenantOf });
    const first = scene.call({ deadline: scene.clock.now() + 1_000, metadata: { tenant: 'a', key: 'a.1' } });
    start(scene, 'b.1 b.2 a.2 b.3');
    end(scene, first);
    // Its connection gives the room of a stream that it resets back only at a sign of life.
    for (const channel of scene.channels) channel.running[0]?.send();
    await settled();
    // None of a's was in flight, one of b's.
    expect(runningKeys(scene)).toBe('b.1 a.2');
  });

  it('counts a call once that another connection takes over', async () => {
    const scene = await setUpReady(1, { partition: tenantOf }, { minChannels: 2, maxChannels: 2 });
    start(scene, 'a.1');
    const first = running(scene)[0] as ScriptedCall;
    first.refuse();
    start(scene, 'b.1 a.2 b.2');
    expect(runningKeys(scene).split(' ').sort()).toEqual(['a.1', 'b.1']);
    const ofA = running(scene).find(({ metadata }) => String(metadata?.get('key')[0]) === 'a.1');
    ofA?.end();
    expect(runningKeys(scene).split(' ').sort()).toEqual(['a.2', 'b.1']);
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 1 });
  });
});
