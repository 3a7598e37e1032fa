import { connectivityState, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { NOTHING_LEFT, SCRIPTED_TARGET, ScriptedScenes, settled, type ScriptedScene } from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import { idleTimeoutOf } from '../watches/idle-watch.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { IDLE, READY, TRANSIENT_FAILURE } = connectivityState;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

function ready({ pool }: Scene): number {
  return pool.stats().channels.filter(({ state }) => state === 'ready').length;
}

/** Makes a call and lets it end. */
async function use(scene: Scene): Promise<void> {
  scene.call();
  await scene.allReady();
  for (const { running } of scene.channels) for (const call of running) call.end();
}

async function pass(scene: Scene, timeMs: number): Promise<void> {
  scene.clock.advance(timeMs);
  await scene.allReady();
}

const soon = (timeoutMs: number): ChannelPoolOptions => ({
  channelOptions: { 'grpc.client_idle_timeout_ms': timeoutMs },
});

describe('the idle timeout', () => {
  it.each([
    [{}, 1_800_000],
    [{ 'grpc.client_idle_timeout_ms': 5_000 }, 5_000],
    [{ 'grpc.client_idle_timeout_ms': 1 }, 1_000],
    [{ 'grpc.client_idle_timeout_ms': NaN }, 1_800_000],
    [{ 'grpc.client_idle_timeout_ms': Infinity }, Infinity],
  ])('is that of grpc-js: %j', (options, timeoutMs) => {
    expect(idleTimeoutOf(options)).toBe(timeoutMs);
  });
});

describe('a pool that nobody uses', () => {
  it('closes its connection after half an hour, and opens none until the next call', async () => {
    const scene = setUp({ policies: [] });
    await use(scene);
    await pass(scene, 30 * MINUTE_MS - 1);
    expect(ready(scene)).toBe(1);
    await pass(scene, 1);
    expect(scene.pool.stats()).toMatchObject({ state: 'IDLE', channels: [] });
    expect(scene.clock.pendingTimers).toBe(0);
    await pass(scene, DAY_MS);
    expect(scene.channels).toHaveLength(1);

    await use(scene);
    expect(scene.pool.stats()).toMatchObject({ state: 'READY', succeededCalls: 2 });
    expect(scene.channels).toHaveLength(2);
  });

  it('does so after grpc.client_idle_timeout_ms, counted from the end of its last call', async () => {
    const scene = setUp(soon(10_000));
    await use(scene);
    await pass(scene, 9_000);
    scene.call();
    await pass(scene, MINUTE_MS);
    scene.channel(1).running[0]?.end();
    await pass(scene, 9_999);
    expect(ready(scene)).toBe(1);
    await pass(scene, 1);
    expect(ready(scene)).toBe(0);
  });

  it('closes all of its connections at one time, and tells of it', async () => {
    const scene = setUp({ maxStreamsPerChannel: 1, shrinkAfterMs: Infinity, ...soon(5_000) });
    const decisions: string[] = [];
    scene.pool.onScale(({ action, from, to, reason }) => decisions.push(`${action} ${from} to ${to}: ${reason}`));
    for (let count = 0; count < 3; count += 1) scene.call();
    await scene.allReady();
    for (const { running } of scene.channels) running[0]?.end();
    const open = ready(scene);
    expect(open).toBeGreaterThan(2);
    await pass(scene, 5_000);
    expect(scene.pool.stats().channels).toEqual([]);
    expect(decisions.at(-1)).toBe(`shrink ${open} to 0: no call for 5000 ms (grpc.client_idle_timeout_ms)`);
  });

  it.each([
    ['minChannels 2', { minChannels: 2 }, 2],
    ['minChannels 1', { minChannels: 1 }, 1],
    ['minChannels 0', { minChannels: 0 }, 0],
    ['minChannels undefined', { minChannels: undefined as unknown as number }, 0],
    ['maxChannels 1', { maxChannels: 1 }, 0],
  ])('keeps what the user asked for: %s', async (_what, options, left) => {
    const scene = setUp({ ...options, ...soon(5_000) });
    await use(scene);
    await pass(scene, 5_000);
    await pass(scene, DAY_MS);
    expect(ready(scene)).toBe(left);
  });

  it('keeps them also where they were asked for later, and no more when they are not wanted any more', async () => {
    const scene = setUp(soon(5_000));
    await use(scene);
    scene.pool.update({ minChannels: 2 });
    await scene.allReady();
    await pass(scene, DAY_MS);
    expect(ready(scene)).toBe(2);
    scene.pool.update({ minChannels: 0 });
    await pass(scene, DAY_MS);
    expect(ready(scene)).toBe(0);
  });

  it('keeps what it was warmed up with until then', async () => {
    const scene = setUp({ shrinkAfterMs: Infinity, ...soon(5_000) });
    const warm = scene.pool.warmUp({ channels: 3 });
    await scene.allReady();
    await warm;
    await pass(scene, 4_999);
    expect(ready(scene)).toBe(3);
    await pass(scene, 1);
    expect(ready(scene)).toBe(0);
  });

  it('is in use while a call waits, and while somebody waits for a connection', async () => {
    const scene = setUp({ minChannels: 0, ...soon(5_000) });
    scene.call({ waitForReady: true, deadline: scene.clock.now() + 20_000 });
    scene.channel(1).become(TRANSIENT_FAILURE);
    await settled();
    scene.clock.advance(10_000);
    await settled();
    expect(scene.channels.length).toBeGreaterThan(1);
    await scene.allReady();
    expect(ready(scene)).toBe(1);

    const other = setUp(soon(5_000));
    other.pool.watchConnectivityState(IDLE, other.clock.now() + MINUTE_MS, () => undefined);
    other.pool.getConnectivityState(true);
    await other.allReady();
    other.pool.watchConnectivityState(READY, other.clock.now() + MINUTE_MS, () => undefined);
    await pass(other, 10_000);
    expect(ready(other)).toBe(1);
  });

  it('stops trying to reach a server that is away', async () => {
    const scene = setUp(soon(5_000));
    const refused = scene.call();
    for (let attempt = 1; attempt <= scene.channels.length; attempt += 1) {
      scene.channel(attempt).become(TRANSIENT_FAILURE);
      await settled();
      scene.clock.advance(4_000);
      await settled();
    }
    expect(refused.code).toBe('UNAVAILABLE');
    const attempts = scene.channels.length;
    expect(attempts).toBeGreaterThan(1);
    scene.clock.advance(DAY_MS);
    await settled();
    expect(scene.channels).toHaveLength(attempts);
    expect(scene.pool.stats().state).toBe('IDLE');
    expect(scene.clock.pendingTimers).toBe(0);
  });
});

describe('a connection that is lost while nobody uses the pool', () => {
  it('is made anew with the next call, and not before', async () => {
    const scene = setUp();
    await use(scene);
    scene.clock.advance(2_000);
    scene.channel(1).lose();
    await pass(scene, DAY_MS);
    expect(scene.channels).toHaveLength(1);
    expect(scene.pool.stats().state).toBe('IDLE');
    await use(scene);
    expect(scene.channels).toHaveLength(2);
  });

  it('is made anew at once where the user has set minChannels', async () => {
    const scene = setUp({ minChannels: 1 });
    await use(scene);
    scene.clock.advance(2_000);
    scene.channel(1).lose();
    await scene.allReady();
    expect([scene.channels.length, ready(scene)]).toEqual([2, 1]);
  });

  it('is made anew at once while a call runs on it', async () => {
    const scene = setUp();
    scene.call();
    await scene.allReady();
    scene.clock.advance(2_000);
    scene.channel(1).become(IDLE);
    await scene.allReady();
    expect([scene.channels.length, ready(scene)]).toEqual([2, 1]);
  });
});
