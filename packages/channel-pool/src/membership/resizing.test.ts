import { connectivityState, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
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
import type { ScaleDecision } from './scaling.js';

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { IDLE, READY, TRANSIENT_FAILURE } = connectivityState;
const MINUTE_MS = 60_000;

/** Calls of one load: as many in flight as it is told. */
class Load {
  readonly calls: ClientCall[] = [];

  constructor(private readonly scene: Scene) {}

  async set(count: number): Promise<void> {
    const { scene } = this;
    const running = (): ScriptedCall[] => scene.channels.flatMap((channel) => channel.running);
    while (running().length > count) {
      const fullest = scene.channels.reduce((best, each) => (each.running.length > best.running.length ? each : best));
      fullest.running[0]?.end();
    }
    while (scene.pool.stats().inFlightCalls + scene.pool.stats().queuedCalls < count) this.calls.push(scene.call());
    await scene.allReady();
  }
}

/** Ten streams a connection. */
function setUpTens(options: ChannelPoolOptions = {}): Scene & { decisions: ScaleDecision[]; load: Load } {
  const scene = setUp({ maxStreamsPerChannel: 10, ...options });
  const decisions: ScaleDecision[] = [];
  scene.pool.onScale((decision) => decisions.push(decision));
  return Object.assign(scene, { decisions, load: new Load(scene) });
}

/**
 * Two connections of two streams for a pool that may have one by now. The first is full and is about to be lost, the
 * second began to drain in the very tick in which it became ready, with one call on it.
 */
async function setUpOneTooMany(): Promise<Scene> {
  const scene = setUp({ maxChannels: 2, maxStreamsPerChannel: 1, shrinkAfterMs: Infinity });
  scene.call();
  scene.call();
  scene.channel(1).become(READY);
  await settled();
  scene.pool.update({ maxChannels: 1, maxStreamsPerChannel: 2 });
  scene.call();
  scene.clock.advance(5_000);
  scene.channel(2).become(READY);
  expect(states(scene)).toEqual(['1 ready', '2 draining']);
  return scene;
}

function states({ pool }: Scene): string[] {
  return pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
}

function ready({ pool }: Scene): number {
  return pool.stats().channels.filter(({ state }) => state === 'ready').length;
}

describe('a pool under load that rises to five times as much and falls back, twice', () => {
  it('follows it, loses no call, and changes its mind once a plateau', async () => {
    const scene = setUpTens();
    const { clock, decisions, load } = scene;
    const sizes: number[] = [];
    for (const calls of [10, 50, 10, 50, 10]) {
      decisions.length = 0;
      await load.set(calls);
      for (let minute = 0; minute < 5; minute += 1) {
        clock.advance(MINUTE_MS);
        await scene.allReady();
      }
      sizes.push(ready(scene));
      const directions = decisions.map(({ action }) => action).filter((action) => action !== 'keep');
      expect(new Set(directions).size).toBeLessThanOrEqual(1);
    }
    // 50 calls fill five and 90 % of them; 10 calls fit in two at 67.5 %.
    expect(sizes).toEqual([2, 6, 2, 6, 2]);
    expect(load.calls.filter((each) => each.events.some((event) => event !== 'OK'))).toEqual([]);
    expect(scene.pool.stats()).toMatchObject({ failedCalls: 0, shedCalls: 0, cancelledCalls: 0, inFlightCalls: 10 });
  });

  it('says what it decided on, each time', async () => {
    const scene = setUpTens();
    const { clock, decisions, load } = scene;
    await load.set(50);
    await load.set(10);
    decisions.length = 0;
    clock.advance(MINUTE_MS);
    clock.advance(MINUTE_MS);
    expect(decisions).toEqual([
      {
        action: 'keep',
        from: 6,
        to: 6,
        reason: 'at most 50 calls at once in 60000 ms (shrinkAfterMs)',
        usedStreams: 10,
        capacity: 60,
        queuedCalls: 0,
        peakStreams: 50,
      },
      {
        action: 'shrink',
        from: 6,
        to: 2,
        reason: 'at most 10 calls at once in 60000 ms (shrinkAfterMs)',
        usedStreams: 10,
        capacity: 60,
        queuedCalls: 0,
        peakStreams: 10,
      },
    ]);
  });

  it('keeps what a short peak needed until it is shrinkAfterMs old', async () => {
    const scene = setUpTens({ shrinkAfterMs: 1_000 });
    const { clock, load } = scene;
    await load.set(50);
    for (let second = 0; second < 5; second += 1) {
      await load.set(10);
      clock.advance(500);
      await load.set(50);
      await load.set(10);
      clock.advance(500);
      expect(ready(scene)).toBe(6);
    }
    clock.advance(1_000);
    expect(ready(scene)).toBe(2);
  });

  it('never shrinks where that is turned off, before nobody has used it for half an hour', async () => {
    const scene = setUpTens({ shrinkAfterMs: Infinity, policies: [] });
    await scene.load.set(50);
    await scene.load.set(0);
    scene.clock.advance(29 * MINUTE_MS);
    expect(ready(scene)).toBe(6);
    expect(scene.clock.refdTimers).toBe(0);
  });

  it.each([
    [0, 0],
    [1, 1],
    [3, 3],
  ])('keeps minChannels %i when nothing runs', async (minChannels, left) => {
    const scene = setUpTens({ minChannels });
    await scene.load.set(50);
    await scene.load.set(0);
    scene.clock.advance(2 * MINUTE_MS);
    await settled();
    expect(ready(scene)).toBe(left);
    expect(states(scene)).toHaveLength(left);
    await scene.load.set(5);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 5 });
  });

  it('lets those with the fewest streams go, and none of their calls', async () => {
    const scene = setUpTens({ maxChannels: 6 });
    const { clock, load } = scene;
    await load.set(60);
    await load.set(6);
    clock.advance(2 * MINUTE_MS);
    await settled();
    const { channels } = scene.pool.stats();
    const drained = channels.filter(({ state }) => state === 'draining');
    expect(drained.length).toBeGreaterThan(0);
    for (const { inFlightCalls } of drained) expect(inFlightCalls).toBe(1);
    expect(scene.pool.stats().inFlightCalls).toBe(6);
    await load.set(0);
    await settled();
    expect(states(scene)).toHaveLength(1);
    expect(load.calls.map((each) => each.events.join())).toEqual(load.calls.map(() => 'OK'));
  });

  it('takes one back that drains when load returns, before it opens another', async () => {
    const scene = setUpTens({ maxChannels: 6 });
    const { clock, decisions, load } = scene;
    await load.set(60);
    await load.set(6);
    clock.advance(2 * MINUTE_MS);
    await settled();
    const made = scene.channels.length;
    const draining = scene.pool.stats().channels.filter(({ state }) => state === 'draining').length;
    expect([draining, ready(scene)]).toEqual([5, 1]);
    decisions.length = 0;
    const changes: string[] = [];
    scene.pool.onChannelStateChange(({ from, to, reason }) => changes.push(`${from} ${to}: ${reason}`));
    await load.set(60);
    expect(scene.channels).toHaveLength(made);
    expect(changes).toEqual(Array(5).fill('draining ready: load returned'));
    expect(decisions.map(({ action, from, to }) => `${action} ${from} ${to}`)).toEqual([
      'grow 1 2',
      'grow 2 3',
      'grow 3 4',
      'grow 4 5',
      'grow 5 6',
    ]);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 60, failedCalls: 0 });
    await load.set(0);
    expect(load.calls.map((each) => each.code)).toEqual(load.calls.map(() => 'OK'));
  });

  it('follows one that it took back when that is lost afterwards', async () => {
    const scene = setUpTens({ maxChannels: 2 });
    const { clock, load } = scene;
    await load.set(20);
    await load.set(2);
    clock.advance(2 * MINUTE_MS);
    expect(states(scene).sort()).toEqual(['1 draining', '2 ready']);
    await load.set(20);
    expect(states(scene).sort()).toEqual(['1 ready', '2 ready']);
    clock.advance(5_000);
    scene.channel(1).lose();
    await scene.allReady();
    expect(states(scene)).toEqual(['2 ready', '3 ready']);
  });

  it.each([
    ['was lost meanwhile', (scene: Scene) => scene.channel(1).become(IDLE)],
    ['cannot be reached any longer', (scene: Scene) => scene.channel(1).become(TRANSIENT_FAILURE)],
    [
      // As grpc-js does for a call that it tries again by itself: another connection, of which the pool knows nothing.
      'was lost meanwhile, although its channel has connected anew',
      (scene: Scene) => {
        scene.channel(1).become(IDLE);
        scene.channel(1).become(READY);
      },
    ],
  ])('does not take one back that %s', async (_what, happens) => {
    const scene = setUpTens({ maxChannels: 2 });
    const { clock, load } = scene;
    await load.set(20);
    await load.set(2);
    clock.advance(2 * MINUTE_MS);
    happens(scene);
    await load.set(20);
    expect(states(scene).sort()).toEqual(['1 draining', '2 ready', '3 ready']);
  });

  it('closes the channel of one that drains when it is told to go, so that it connects to nobody', async () => {
    const scene = setUpTens({ maxChannels: 2 });
    const { clock, load } = scene;
    await load.set(20);
    await load.set(2);
    clock.advance(2 * MINUTE_MS);
    await settled();
    expect(scene.channel(1)).toMatchObject({ isClosed: false });
    scene.channel(1).become(IDLE);
    await settled();
    expect(scene.channel(1)).toMatchObject({ isClosed: true });
    expect(states(scene)).toContain('1 draining');
    await load.set(0);
    expect(load.calls.map((each) => each.code)).toEqual(load.calls.map(() => 'OK'));
  });

  it('does not take one back that has fallen silent while calls ended on it', async () => {
    const scene = setUpTens({ maxChannels: 2 });
    const { clock, load } = scene;
    await load.set(20);
    await load.set(0);
    const calls = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, scene.call({ metadata: { key } })] as const);
    clock.advance(2 * MINUTE_MS);
    const draining = scene.pool.stats().channels.find(({ state }) => state === 'draining')?.id as number;
    const [on] = scene.channel(draining).running;
    const [, ended] = calls.find(([key]) => on?.metadata?.get('key')[0] === key) as (typeof calls)[number];
    ended.call.cancelWithStatus(status.CANCELLED, 'enough');
    clock.advance(5_500);
    await load.set(20);
    expect(states(scene).sort()).toEqual([`${draining} draining`, `${3 - draining} ready`, '3 ready'].sort());
  });

  it('takes back none that was given up for another reason', async () => {
    const scene = setUpTens({ maxChannels: 2 });
    const { clock, load } = scene;
    await load.set(20);
    clock.advance(5_000);
    scene.channel(1).become(IDLE);
    scene.channel(1).become(READY);
    await load.set(20);
    expect(states(scene).sort()).toEqual(['1 draining', '2 ready', '3 ready']);
  });

  it('lets no more than maxDrainingChannels go at once, and the others later', async () => {
    const scene = setUpTens({ maxChannels: 6, maxDrainingChannels: 2 });
    const { clock, decisions, load } = scene;
    await load.set(60);
    await load.set(6);
    const seen: number[] = [];
    for (let minute = 0; minute < 4; minute += 1) {
      clock.advance(MINUTE_MS);
      await settled();
      const draining = scene.pool.stats().channels.filter(({ state }) => state === 'draining').length;
      expect(draining).toBeLessThanOrEqual(2);
      seen.push(ready(scene));
    }
    expect(seen).toEqual([6, 4, 4, 4]);
    expect(load.calls.filter((each) => each.events.some((event) => event !== 'OK'))).toEqual([]);
    // What it says it does is what it does.
    const shrinks = decisions.filter(({ action }) => action === 'shrink');
    expect(shrinks.map(({ from, to }) => `${from} ${to}`)).toEqual(['6 4']);
  });

  it('closes those that carry nothing at once, however few may drain', async () => {
    const scene = setUpTens({ maxDrainingChannels: 1 });
    await scene.load.set(50);
    await scene.load.set(0);
    scene.clock.advance(2 * MINUTE_MS);
    await settled();
    expect(states(scene)).toHaveLength(1);
  });

  it('opens another at growAtRatio of all streams, however unevenly those are spread', async () => {
    const { allReady, call, channels, pool } = setUp({
      minChannels: 2,
      maxChannels: 3,
      maxStreamsPerChannel: 10,
      growAtRatio: 0.5,
      picker: { pick: (members, { host }) => members.find(({ id }) => `${id}` === host) },
    });
    pool.getConnectivityState(true);
    await allReady();
    for (let count = 0; count < 8; count += 1) call({ host: '1' });
    await allReady();
    expect(channels).toHaveLength(2);
    for (let count = 0; count < 2; count += 1) call({ host: '2' });
    await allReady();
    expect(channels).toHaveLength(3);
  });
});

describe('update', () => {
  it('raises maxChannels, and calls that wait have the new connections', async () => {
    const scene = setUpTens({ maxChannels: 1 });
    const { load, pool } = scene;
    await load.set(25);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 10, queuedCalls: 15 });
    pool.update({ maxChannels: 3 });
    await scene.allReady();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 25, queuedCalls: 0 });
    expect(ready(scene)).toBe(3);
  });

  it('lowers maxChannels: what is beyond it drains, and no call is dropped', async () => {
    const scene = setUpTens();
    const { load, pool } = scene;
    await load.set(50);
    pool.update({ maxChannels: 2 });
    expect(ready(scene)).toBe(2);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 50, failedCalls: 0 });
    await load.set(0);
    await settled();
    expect(states(scene)).toHaveLength(2);
    expect(load.calls.map((each) => each.code)).toEqual(load.calls.map(() => 'OK'));
  });

  it('lowers maxChannels of connections that carry nothing at once, however few may drain', async () => {
    const scene = setUpTens({ maxDrainingChannels: 1, minChannels: 6 });
    await scene.load.set(50);
    await scene.load.set(0);
    scene.pool.update({ minChannels: 1, maxChannels: 1 });
    await settled();
    expect(states(scene)).toHaveLength(1);
  });

  it('lowers maxChannels by and by where not all may drain at once', async () => {
    const scene = setUpTens({ maxChannels: 6, maxDrainingChannels: 1, shrinkAfterMs: Infinity });
    const { load, pool } = scene;
    await load.set(60);
    pool.update({ maxChannels: 1 });
    expect(states(scene).filter((each) => each.endsWith('draining'))).toHaveLength(1);
    await load.set(6);
    for (let turn = 0; turn < 5; turn += 1) {
      const draining = pool.stats().channels.find(({ state }) => state === 'draining')?.id;
      for (const each of draining === undefined ? [] : scene.channel(draining).running) each.end();
      await settled();
    }
    expect(ready(scene)).toBe(1);
    expect(load.calls.filter((each) => each.events.some((event) => event !== 'OK'))).toEqual([]);
  });

  it('lets as many calls wait as the queue takes, also while more connections are there than may be', async () => {
    const scene = setUpTens({ maxChannels: 6, maxDrainingChannels: 1, queue: { maxQueuedCalls: 5 } });
    const { load, pool } = scene;
    await load.set(60);
    pool.update({ maxChannels: 1 });
    for (let count = 0; count < 6; count += 1) scene.call();
    await settled();
    expect(pool.stats()).toMatchObject({ queuedCalls: 5, shedCalls: 1 });
  });

  it('lowers maxChannels while another is being opened, which then is one too many', async () => {
    const scene = setUpTens({ maxChannels: 3, shrinkAfterMs: Infinity });
    for (let count = 0; count < 20; count += 1) scene.call();
    for (const id of [1, 2]) {
      scene.channel(id).become(READY);
      await settled();
    }
    expect(states(scene)).toEqual(['1 ready', '2 ready', '3 connecting']);
    scene.pool.update({ maxChannels: 2 });
    await scene.allReady();
    expect(ready(scene)).toBe(2);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 20, failedCalls: 0 });
  });

  it('follows one that was too many as soon as it was ready, when it is undrained and then lost', async () => {
    const scene = await setUpOneTooMany();
    await settled();
    scene.channel(1).lose();
    expect(states(scene)).toEqual(['2 ready']);
    scene.clock.advance(5_000);
    scene.channel(2).lose();
    scene.call();
    await scene.allReady();
    expect(states(scene)).toEqual(['3 ready']);
  });

  // p-queue frees its place some microtasks before it says so.
  it.each([0, 1, 2, 3, 4, 5, 6])(
    'lets no call wait for which it takes a connection back, %i microtasks after another was lost',
    async (microtasks) => {
      const scene = await setUpOneTooMany();
      scene.channel(1).lose();
      for (let count = 0; count < microtasks; count += 1) await Promise.resolve();
      scene.call();
      await settled();
      expect(states(scene)).toEqual(['2 ready']);
      expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 0, shedCalls: 0 });
    },
  );

  it('undrains a connection when maxChannels is raised again', async () => {
    const scene = setUpTens({ maxChannels: 6 });
    const { load, pool } = scene;
    await load.set(60);
    pool.update({ maxChannels: 2 });
    const made = scene.channels.length;
    pool.update({ maxChannels: 6 });
    await scene.allReady();
    await load.set(60);
    expect(scene.channels).toHaveLength(made);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 60, failedCalls: 0 });
  });

  it('raises minChannels, which opens what is missing', async () => {
    const scene = setUpTens();
    await scene.load.set(1);
    scene.pool.update({ minChannels: 4 });
    await scene.allReady();
    expect(ready(scene)).toBe(4);
  });

  it('opens nothing on a pool that nobody has used yet', async () => {
    const scene = setUpTens();
    scene.pool.update({ minChannels: 4 });
    await scene.allReady();
    expect(states(scene)).toEqual([]);
    await scene.load.set(1);
    expect(ready(scene)).toBe(4);
  });

  it('lowers minChannels, so that those that are not needed go', async () => {
    const scene = setUpTens({ minChannels: 4 });
    await scene.load.set(1);
    scene.clock.advance(2 * MINUTE_MS);
    expect(ready(scene)).toBe(4);
    scene.pool.update({ minChannels: 1 });
    scene.clock.advance(2 * MINUTE_MS);
    await settled();
    expect(ready(scene)).toBe(1);
  });

  it('raises maxStreamsPerChannel, and calls that wait go out at once', async () => {
    const scene = setUpTens({ maxChannels: 1 });
    await scene.load.set(25);
    scene.pool.update({ maxStreamsPerChannel: 20 });
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 20, queuedCalls: 5, streamCapacity: 20 });
  });

  it('lowers maxStreamsPerChannel below what runs, which goes on', async () => {
    const scene = setUpTens({ maxChannels: 1 });
    const { load, pool } = scene;
    await load.set(10);
    pool.update({ maxStreamsPerChannel: 4 });
    const waiting = scene.call();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 10, queuedCalls: 1, failedCalls: 0 });
    for (let left = 10; left > 4; left -= 1) {
      scene.channel(1).running[0]?.end();
      expect(pool.stats().queuedCalls).toBe(1);
    }
    scene.channel(1).running[0]?.end();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 4, queuedCalls: 0 });
    expect(waiting.statuses).toEqual([]);
  });

  it('changes the queue: what waits beyond a smaller one waits on, and no more come in', async () => {
    const scene = setUpTens({ maxChannels: 1 });
    const { load, pool } = scene;
    await load.set(15);
    pool.update({ queue: { maxQueuedCalls: 2 } });
    expect(pool.stats()).toMatchObject({ queuedCalls: 5, shedCalls: 0 });
    const refused = scene.call();
    await settled();
    expect(refused.code).toBe('RESOURCE_EXHAUSTED');
    pool.update({ queue: { maxQueueTimeMs: 100 } });
    scene.clock.advance(100);
    await settled();
    expect(pool.stats()).toMatchObject({ queuedCalls: 0, inFlightCalls: 10, shedCalls: 6 });
  });

  it('leaves what is not named as it is', async () => {
    const scene = setUpTens({ maxChannels: 1, queue: { maxQueuedCalls: 3 } });
    scene.pool.update({ minChannels: 0, queue: { maxQueueTimeMs: 1_000 } });
    scene.pool.update({});
    const nothing: object = { maxChannels: undefined, maxStreamsPerChannel: undefined, queue: undefined };
    scene.pool.update(nothing);
    await scene.load.set(1);
    for (let count = 0; count < 12; count += 1) scene.call();
    const refused = scene.call();
    await settled();
    expect(refused.code).toBe('RESOURCE_EXHAUSTED');
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 10, queuedCalls: 3, streamCapacity: 10 });
  });

  it.each<[object, typeof TypeError | typeof RangeError, string]>([
    [{ maxChannels: 0 }, RangeError, 'ChannelPool.update: maxChannels must be a number from 1 to 1000, got 0'],
    [{ maxChannels: 1.5 }, RangeError, 'ChannelPool.update: maxChannels must be a whole number'],
    [
      { minChannels: 11 },
      RangeError,
      'ChannelPool.update: minChannels must be a whole number from 0 to maxChannels (10)',
    ],
    [{ minChannels: 3, maxChannels: 2 }, RangeError, 'from 0 to maxChannels (2), got 3'],
    [{ maxChannels: 1, minChannels: 2 }, RangeError, 'from 0 to maxChannels (1), got 2'],
    [
      { maxStreamsPerChannel: 0 },
      RangeError,
      'ChannelPool.update: maxStreamsPerChannel must be a number from 1 to 1000',
    ],
    [{ maxStreamsPerChannel: '5' }, TypeError, `got '5'`],
    [{ queue: { maxQueuedCalls: -1 } }, RangeError, 'maxQueuedCalls must be a number from 0'],
    [{ queue: { bound: 1 } }, TypeError, `unknown option 'bound'`],
    [{ queue: 5 }, TypeError, 'queue must be an object, got 5'],
    [{ picker: 'round-robin' }, TypeError, `ChannelPool.update: unknown option 'picker'`],
    [{ maxChannels: 4, growAtRatio: 0.5 }, TypeError, `unknown option 'growAtRatio'`],
  ])('is refused with %j, and changes nothing', async (update, kind, words) => {
    const scene = setUpTens();
    await scene.load.set(25);
    const before = scene.pool.stats();
    const bad = (): void => scene.pool.update({ maxStreamsPerChannel: 20, ...update });
    expect(bad).toThrow(kind);
    expect(bad).toThrow(words);
    expect(scene.pool.stats()).toEqual(before);
  });

  it('does nothing to a closed pool', async () => {
    const scene = setUpTens();
    await scene.load.set(1);
    await scene.pool.destroy();
    scene.pool.update({ minChannels: 4, maxChannels: 4 });
    await settled();
    expect(states(scene)).toEqual([]);
    expect(scene.clock.pendingTimers).toBe(0);
  });
});
