import { connectivityState, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { explain } from '@grpc-manifold/core';
import {
  ClientCall,
  NOTHING_LEFT,
  SCRIPTED_TARGET as TARGET,
  ScriptedScenes,
  settled,
  type ScriptedCall,
} from '@grpc-manifold/testing';
import { ChannelPool } from './channel-pool.js';
import type { ChannelPoolOptions } from './options/options.js';

const { CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(TARGET, credentials.createInsecure(), options, environment),
);

/** Longer than anything that closing may wait for. */
const HOUR_MS = 3_600_000;

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

/** A pool with one connection of one stream, and a call on it. */
async function setUpRunning(options: ChannelPoolOptions = {}) {
  const scene = setUp({ maxChannels: 1, maxStreamsPerChannel: 1, ...options });
  const running = scene.call();
  await scene.allReady();
  const end = (): void => (scene.channel(1).running[0] as ScriptedCall).end();
  return { ...scene, running, end };
}

describe('close() of a pool', () => {
  it('lets calls in flight and waiting calls finish, however long they take', async () => {
    const { call, channel, clock, end, pool, running } = await setUpRunning({ queue: { maxQueueTimeMs: Infinity } });
    const waiting = call();
    pool.close();
    clock.advance(HOUR_MS);
    await settled();
    expect([running.statuses, waiting.statuses]).toEqual([[], []]);
    end();
    end();
    expect([running.code, waiting.code]).toEqual(['OK', 'OK']);
    await pool.drain();
    expect(channel(1).isClosed).toBe(true);
  });

  it('cancels what is left after drainTimeoutMs where that is set', async () => {
    const { clock, pool, running } = await setUpRunning({ drainTimeoutMs: 200 });
    pool.close();
    clock.advance(199);
    await settled();
    expect(running.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(running.code).toBe('CANCELLED');
  });

  it.each([
    ['waitForReady', true],
    ['ordinary', false],
  ])('ends a call at once that waits for the first connection: %s', async (_what, waitForReady) => {
    const { call, channel, pool } = setUp({ drainTimeoutMs: Infinity });
    const waiting = call({ waitForReady });
    expect(channel(1).state).toBe(CONNECTING);
    pool.close();
    expect(waiting.statuses).toEqual([]);
    await settled();
    expect(waiting.code).toBe('UNAVAILABLE');
    expect(explain(waiting.ending)?.refusedBy).toBe('closed');
    expect(waiting.ending.details).toContain('the pool was closed while it had no connection');
    expect(channel(1).isClosed).toBe(true);
  });

  it('ends a call at once that waits for a server that cannot be reached', async () => {
    const { call, channel, clock, pool } = setUp({ drainTimeoutMs: Infinity });
    const waiting = call({ waitForReady: true });
    channel(1).become(TRANSIENT_FAILURE);
    await settled();
    pool.close();
    await settled();
    expect(waiting.code).toBe('UNAVAILABLE');
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a waiting call when the last connection is lost and no other can be made', async () => {
    const { call, channel, clock, pool } = await setUpRunning();
    const waiting = call({ waitForReady: true });
    clock.advance(5_000);
    pool.close();
    channel(1).lose();
    await settled();
    expect(waiting.statuses).toEqual([]);
    channel(2).become(TRANSIENT_FAILURE);
    await settled();
    expect(waiting.code).toBe('UNAVAILABLE');
  });

  it('is given the time of a drain when it is disposed afterwards', async () => {
    const { clock, pool, running } = await setUpRunning();
    pool.close();
    clock.advance(HOUR_MS);
    const disposed = pool[Symbol.asyncDispose]();
    clock.advance(5_000);
    await disposed;
    expect(running.code).toBe('CANCELLED');
  });
});

describe('a drain', () => {
  it('waits for an attempt that is under way', async () => {
    const { call, channel, pool } = setUp();
    const waiting = call();
    const drained = pool.drain();
    channel(1).become(READY);
    (channel(1).running[0] as ScriptedCall).end();
    expect(await drained).toMatchObject({ finishedCalls: 1, cancelledCalls: 0 });
    expect(waiting.code).toBe('OK');
  });

  it('ends a waitForReady call when the attempt fails, or had failed before', async () => {
    const { call, channel, pool } = setUp();
    const first = call({ waitForReady: true });
    const drained = pool.drain({ timeoutMs: Infinity });
    channel(1).become(TRANSIENT_FAILURE);
    await drained;
    expect(first.code).toBe('UNAVAILABLE');

    const other = setUp();
    const second = other.call({ waitForReady: true });
    other.channel(1).become(TRANSIENT_FAILURE);
    await settled();
    await other.pool.drain({ timeoutMs: Infinity });
    await settled();
    expect(second.code).toBe('UNAVAILABLE');
  });

  it('is shortened by another with a shorter time, and not lengthened', async () => {
    const { clock, pool, running } = await setUpRunning();
    const drained = pool.drain({ timeoutMs: 1_000 });
    expect(pool.drain({ timeoutMs: 9_000 })).toBe(drained);
    expect(pool.drain({ timeoutMs: 100 })).toBe(drained);
    clock.advance(100);
    await drained;
    expect(running.code).toBe('CANCELLED');
  });

  it('keeps a longer time of its own when the pool is disposed as well', async () => {
    const { clock, end, pool, running } = await setUpRunning();
    const drained = pool.drain({ timeoutMs: 60_000 });
    const disposed = pool[Symbol.asyncDispose]();
    clock.advance(59_999);
    await settled();
    expect(running.statuses).toEqual([]);
    end();
    await Promise.all([drained, disposed]);
    expect(running.code).toBe('OK');
  });
});

describe('close() of a client that shares a pool', () => {
  it('lets its calls finish, however long they take', async () => {
    const { channel, clock, pool } = await setUpRunning({ maxStreamsPerChannel: 2 });
    const shared = pool.share();
    const own = new ClientCall(shared.createCall('/echo.Echo/Call', Infinity, null, null, null)).start();
    shared.close();
    clock.advance(HOUR_MS);
    await settled();
    expect(own.statuses).toEqual([]);
    (channel(1).running[1] as ScriptedCall).end();
    expect(own.code).toBe('OK');
  });

  it('cancels them after drainTimeoutMs where that is set, and after 5 s when it is disposed', async () => {
    for (const options of [{ drainTimeoutMs: 5_000 }, {}]) {
      const { clock, pool } = await setUpRunning({ maxStreamsPerChannel: 2, ...options });
      const shared = pool.share();
      const own = new ClientCall(shared.createCall('/echo.Echo/Call', Infinity, null, null, null)).start();
      shared.close();
      if (options.drainTimeoutMs === undefined) void shared[Symbol.asyncDispose]();
      clock.advance(5_000);
      await settled();
      expect(own.code).toBe('CANCELLED');
    }
  });

  it('ends its own calls at once that wait without a connection, and no others', async () => {
    const { call, channel, pool } = setUp();
    const shared = pool.share();
    const own = new ClientCall(shared.createCall('/echo.Echo/Call', Infinity, null, null, null)).start();
    const other = call();
    shared.close();
    await settled();
    expect(own.code).toBe('UNAVAILABLE');
    channel(1).become(READY);
    await settled();
    expect(other.statuses).toEqual([]);
    expect(channel(1).running).toHaveLength(1);
  });
});
