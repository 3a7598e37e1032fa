import { connectivityState, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  startUnansweredPeer,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

/** What became of a promise: 'pending', 'done', or the error's message. */
function followed(promise: Promise<void>): { outcome: string } {
  const seen = { outcome: 'pending' };
  promise.then(
    () => (seen.outcome = 'done'),
    (error: unknown) => (seen.outcome = error instanceof Error ? error.message : String(error)),
  );
  return seen;
}

function ready({ pool }: ScriptedScene<ChannelPool>): number {
  return pool.stats().channels.filter(({ state }) => state === 'ready').length;
}

describe('warmUp', () => {
  it('opens that many connections, one at a time, and is done when they are ready', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp({ channels: 3 }));
    for (const opened of [1, 2, 3]) {
      await settled();
      expect(scene.channels.map((channel) => channel.state)).toEqual([...Array(opened - 1).fill(READY), CONNECTING]);
      expect(warm.outcome).toBe('pending');
      scene.channel(opened).become(READY);
    }
    await settled();
    expect(warm.outcome).toBe('done');
    await scene.allReady();
    expect(ready(scene)).toBe(3);
  });

  it.each([
    [{}, 1],
    [{ minChannels: 0 }, 1],
    [{ minChannels: 4 }, 4],
  ])('opens minChannels of a pool with %j unless told otherwise, at least one', async (options, channels) => {
    const scene = setUp(options);
    const warm = followed(scene.pool.warmUp());
    await scene.allReady();
    expect([warm.outcome, ready(scene)]).toEqual(['done', channels]);
  });

  it('is done at once where they are ready, and opens no more', async () => {
    const scene = setUp({ minChannels: 3 });
    await Promise.all([scene.pool.warmUp(), scene.allReady()]);
    await scene.pool.warmUp({ channels: 2 });
    await scene.allReady();
    expect(scene.channels).toHaveLength(3);
  });

  it('opens nothing again once it is done', async () => {
    const scene = setUp();
    await Promise.all([scene.pool.warmUp({ channels: 3 }), scene.allReady()]);
    scene.clock.advance(5_000);
    scene.channel(3).lose();
    await scene.allReady();
    expect(ready(scene)).toBe(2);
  });

  it('does not answer for how long what it opened is kept', async () => {
    const scene = setUp({ shrinkAfterMs: 1_000 });
    await Promise.all([scene.pool.warmUp({ channels: 3 }), scene.allReady()]);
    scene.clock.advance(2_000);
    await settled();
    expect(ready(scene)).toBe(1);
  });

  it('goes on after a failed attempt, within its time', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp());
    scene.channel(1).become(TRANSIENT_FAILURE);
    await settled();
    expect(warm.outcome).toBe('pending');
    scene.clock.advance(1_200);
    await scene.allReady();
    expect([warm.outcome, scene.channels.length]).toEqual(['done', 2]);
  });

  it('fails when its time is up, with the last connection error', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp({ channels: 2, timeoutMs: 300 }));
    scene.channel(1).become(TRANSIENT_FAILURE);
    await settled();
    scene.clock.advance(299);
    await settled();
    expect(warm.outcome).toBe('pending');
    scene.clock.advance(1);
    await settled();
    expect(warm.outcome).toBe(
      'warmUp: 2 connections were not ready within 300 ms; the last connection error: scripted failure of 1',
    );
  });

  it('fails when its time is up without one, and leaves what it opened', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp({ channels: 2, timeoutMs: 300 }));
    scene.channel(1).become(READY);
    await settled();
    scene.clock.advance(300);
    await settled();
    expect(warm.outcome).toBe('warmUp: 2 connections were not ready within 300 ms');
    await scene.allReady();
    expect(ready(scene)).toBe(2);
  });

  it('takes connectTimeoutMs unless told otherwise', async () => {
    const scene = setUp({ connectTimeoutMs: 700 });
    const warm = followed(scene.pool.warmUp());
    scene.clock.advance(699);
    await settled();
    expect(warm.outcome).toBe('pending');
    scene.clock.advance(1);
    await settled();
    expect(warm.outcome).toMatch(/^warmUp: 1 connections were not ready within 700 ms/);
  });

  it('waits for ever where it may', async () => {
    const scene = setUp({ connectTimeoutMs: Infinity });
    const warm = followed(scene.pool.warmUp({ timeoutMs: Infinity }));
    scene.clock.advance(10 * 60_000);
    await settled();
    expect(warm.outcome).toBe('pending');
    await scene.allReady();
    expect(warm.outcome).toBe('done');
  });

  it('holds the process while it waits, and not after', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp());
    expect(scene.clock.refdTimers).toBe(1);
    await scene.allReady();
    expect([warm.outcome, scene.clock.refdTimers]).toEqual(['done', 0]);
  });

  it('is given up by its signal, with its reason, and leaves what it opened', async () => {
    const scene = setUp();
    const controller = new AbortController();
    const warm = followed(scene.pool.warmUp({ channels: 2, signal: controller.signal }));
    scene.channel(1).become(READY);
    await settled();
    controller.abort(new Error('changed my mind'));
    await settled();
    expect([warm.outcome, ready(scene), scene.clock.refdTimers]).toEqual(['changed my mind', 1, 0]);
  });

  it.each([
    ['a reason', 'enough', 'enough'],
    ['no reason', undefined, 'This operation was aborted'],
  ])('opens nothing for a signal that was aborted before, with %s', async (_what, reason, outcome) => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp({ signal: AbortSignal.abort(reason) }));
    await settled();
    expect([warm.outcome, scene.pool.stats().channels]).toEqual([outcome, []]);
  });

  it.each([0, null, false])('fails for a signal whose reason is %s', async (reason) => {
    const scene = setUp();
    const controller = new AbortController();
    const warm = followed(scene.pool.warmUp({ signal: controller.signal }));
    controller.abort(reason);
    await settled();
    expect(warm.outcome).toBe(String(reason));
  });

  it.each(['drain', 'destroy', 'close'] as const)('fails when the pool is closed meanwhile, by %s', async (how) => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp());
    void scene.pool[how]();
    await settled();
    expect(warm.outcome).toBe('warmUp: the pool is closed');
  });

  it('fails when the pool was closed before, and opens nothing', async () => {
    const scene = setUp();
    await scene.pool.destroy();
    await expect(scene.pool.warmUp()).rejects.toThrow('warmUp: the pool is closed');
    expect(scene.pool.stats().channels).toEqual([]);
  });

  it.each<[object, typeof TypeError | typeof RangeError, string]>([
    [{ channels: 11 }, RangeError, 'warmUp: channels must be a number from 1 to 10, got 11'],
    [{ channels: 0 }, RangeError, 'warmUp: channels must be a number from 1 to 10, got 0'],
    [{ channels: 1.5 }, RangeError, 'warmUp: channels must be a whole number from 1 to 10, got 1.5'],
    [{ channels: '2' }, TypeError, `warmUp: channels must be a number from 1 to 10, got '2'`],
    [{ timeoutMs: 0 }, RangeError, 'warmUp: timeoutMs must be a number of at least 1, or Infinity, got 0'],
    [{ signal: 'stop' }, TypeError, `warmUp: signal must be an object, got 'stop'`],
    [{ signal: {} }, TypeError, 'warmUp: signal must be an AbortSignal'],
    [{ count: 2 }, TypeError, `warmUp: unknown option 'count'`],
  ])('is refused with %j, and opens nothing', async (options, kind, words) => {
    const scene = setUp();
    const warm = scene.pool.warmUp(options);
    await expect(warm).rejects.toThrow(words);
    await expect(warm).rejects.toBeInstanceOf(kind);
    expect(scene.pool.stats().channels).toEqual([]);
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('is satisfied with fewer when maxChannels is lowered meanwhile', async () => {
    const scene = setUp();
    const warm = followed(scene.pool.warmUp({ channels: 5 }));
    scene.pool.update({ maxChannels: 2 });
    await scene.allReady();
    expect([warm.outcome, ready(scene)]).toEqual(['done', 2]);
  });

  it('goes on for one that waits when another has given up', async () => {
    const scene = setUp();
    const patient = followed(scene.pool.warmUp({ channels: 2 }));
    const hasty = followed(scene.pool.warmUp({ channels: 2, timeoutMs: 300 }));
    scene.channel(1).become(READY);
    await settled();
    scene.channel(2).become(TRANSIENT_FAILURE);
    await settled();
    scene.clock.advance(300);
    await settled();
    expect(hasty.outcome).toMatch(/^warmUp: 2 connections were not ready within 300 ms/);
    scene.clock.advance(1_200);
    await scene.allReady();
    expect([patient.outcome, ready(scene)]).toEqual(['done', 2]);
  });

  it('waits as long as it may for a connection that is slow to be answered', async () => {
    await using peer = await startUnansweredPeer();
    await using pool = new ChannelPool(peer.target, credentials.createInsecure());
    const outcomes: string[] = [];
    pool.onChannelStateChange(({ reason }) => outcomes.push(reason));
    // Beyond the second after which an attempt that nobody waits for is given up.
    await expect(pool.warmUp({ timeoutMs: 1_200 })).rejects.toThrow('warmUp: 1 connections were not ready within');
    expect(outcomes).toEqual([]);
  });
});
