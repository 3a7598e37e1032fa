import { connectivityState, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { NOTHING_LEFT, SCRIPTED_TARGET, ScriptedScenes, settled } from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), { minChannels: 0, ...options }, environment),
);

const { CONNECTING, IDLE, READY, TRANSIENT_FAILURE } = connectivityState;

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

describe('a pool with minChannels 0 that is asked to connect', () => {
  it('connects, once', async () => {
    const { allReady, channel, channels, pool } = setUp();
    expect(pool.getConnectivityState(true)).toBe(CONNECTING);
    expect(pool.getConnectivityState(true)).toBe(CONNECTING);
    channel(1).become(READY);
    expect(pool.getConnectivityState(true)).toBe(READY);
    await allReady();
    expect(channels).toHaveLength(1);
  });

  it('does not open again for it what idles since', async () => {
    const { allReady, channel, channels, clock, pool } = setUp();
    pool.getConnectivityState(true);
    await allReady();
    pool.getConnectivityState(true);
    clock.advance(5_000);
    channel(1).become(IDLE);
    await allReady();
    expect(channels).toHaveLength(1);
    expect(pool.getConnectivityState(false)).toBe(IDLE);
    pool.getConnectivityState(true);
    await allReady();
    expect(channels).toHaveLength(2);
  });

  it('tries again after a failure when it is asked again, and else not', async () => {
    const { channel, channels, clock, pool } = setUp();
    pool.getConnectivityState(true);
    channel(1).become(TRANSIENT_FAILURE);
    await settled();
    clock.advance(1_200);
    await settled();
    expect([channels.length, pool.getConnectivityState(false)]).toEqual([1, IDLE]);

    pool.getConnectivityState(true);
    channel(2).become(TRANSIENT_FAILURE);
    await settled();
    expect(pool.getConnectivityState(true)).toBe(TRANSIENT_FAILURE);
    await settled();
    expect(channels).toHaveLength(2);
    clock.advance(1_920);
    await settled();
    expect(channels).toHaveLength(3);
  });
});
