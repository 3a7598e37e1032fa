import { connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { explain } from '@grpc-manifold/core';
import { NOTHING_LEFT, SCRIPTED_TARGET, ScriptedScenes, settled, type ScriptedScene } from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { setUp: setUpWith, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { READY, TRANSIENT_FAILURE } = connectivityState;

/** A pool of one connection with one stream, and a config for all methods. */
function setUp(config: object, options: ChannelPoolOptions = {}): ScriptedScene<ChannelPool> {
  const serviceConfig = { methodConfig: [{ name: [{}], ...config }] };
  return setUpWith({
    maxChannels: 1,
    maxStreamsPerChannel: 1,
    channelOptions: { 'grpc.service_config': JSON.stringify(serviceConfig) },
    ...options,
  });
}

describe('the timeout of a method config', () => {
  it('ends a call that waits for a stream, counted from its start', async () => {
    const { call, channel, clock } = setUp({ timeout: '1s' });
    call();
    channel(1).become(READY);
    clock.advance(500);
    const waiting = call();
    clock.advance(999);
    await settled();
    expect(waiting.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(waiting.code).toBe('DEADLINE_EXCEEDED');
    expect(waiting.ending.details).toMatch(/^Deadline exceeded after 1\.000s,waiting for a stream: /);
  });

  it('ends a call that waits for a connection, and one that runs', async () => {
    const { call, channel, clock } = setUp({ timeout: '1s' }, { maxStreamsPerChannel: 10 });
    const waiting = call({ waitForReady: true });
    clock.advance(1_000);
    await settled();
    expect(waiting.code).toBe('DEADLINE_EXCEEDED');
    const running = call();
    channel(1).become(READY);
    clock.advance(1_000);
    await settled();
    expect(running.code).toBe('DEADLINE_EXCEEDED');
    expect(running.ending.details).toMatch(/^Deadline exceeded after 1\.000s,on connection 1 /);
  });

  it('is told to the server, as what is left of it, and not to the channel', () => {
    const { call, channel, clock } = setUp({ timeout: '1s' });
    call();
    clock.advance(400);
    channel(1).become(READY);
    const [inner] = channel(1).calls;
    expect([inner?.metadata?.get('grpc-timeout'), inner?.deadline]).toEqual([['600m'], Infinity]);
  });

  it.each([
    ['its own deadline when that is earlier', 300, 300],
    ['the timeout when its own deadline is later', 5_000, 1_000],
  ])('a call has %s', async (_what, deadlineInMs, endsAfterMs) => {
    const { call, clock } = setUp({ timeout: '1s' });
    const waiting = call({ deadline: clock.now() + deadlineInMs });
    clock.advance(endsAfterMs - 1);
    await settled();
    expect(waiting.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(waiting.code).toBe('DEADLINE_EXCEEDED');
  });

  it('counts from the start of a call, not from its creation', async () => {
    const { clock, create } = setUp({ timeout: '1s' });
    const call = create();
    clock.advance(700);
    call.start();
    clock.advance(999);
    await settled();
    expect(call.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(call.ending.details).toMatch(/^Deadline exceeded after 1\.000s,/);
  });

  it.each([-3_600_000, 3_600_000])('does not notice that the wall clock is set by %d ms', async (stepMs) => {
    const { call, clock } = setUp({ timeout: '1s' });
    const waiting = call();
    clock.stepWallClock(stepMs);
    clock.advance(999);
    await settled();
    expect(waiting.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(waiting.code).toBe('DEADLINE_EXCEEDED');
  });

  it('is the deadline that a call shows to whoever orders the queue', () => {
    const seen: unknown[] = [];
    const priority = ({ deadline }: { readonly deadline: Date | number }): number => {
      seen.push(Number(deadline));
      return 0;
    };
    const { call, clock } = setUp({ timeout: '1s' }, { queue: { order: 'priority', priority } });
    call();
    expect(new Set(seen)).toEqual(new Set([clock.now() + 1_000]));
  });

  it('ends a call at once when it is nothing', async () => {
    const { call } = setUp({ timeout: '0s' });
    const ended = call();
    await settled();
    expect(ended.code).toBe('DEADLINE_EXCEEDED');
    expect(explain(ended.ending)).toEqual({ queueWaitMs: 0, neverSent: true, from: 'object' });
  });
});

describe('waitForReady of a method config', () => {
  it.each<[what: string, config: boolean | undefined, call: boolean | undefined, waits: boolean]>([
    ['holds for a call that does not say', true, undefined, true],
    ['does not hold for a call that will not wait', true, false, false],
    ['does not keep a call from waiting that will', false, true, true],
    ['is false where it is left out', undefined, undefined, false],
  ])('%s', async (_what, config, own, waits) => {
    const { channel, create, pool } = setUp(config === undefined ? {} : { waitForReady: config });
    const metadata = own === undefined ? new Metadata() : new Metadata({ waitForReady: own });
    const call = create().start(metadata);
    channel(1).become(TRANSIENT_FAILURE);
    await settled();
    expect(call.events).toEqual(waits ? [] : ['UNAVAILABLE']);
    expect(pool.stats().queuedCalls).toBe(waits ? 1 : 0);
  });
});

describe('message sizes of a method config', () => {
  it('end a call that sends a larger one, also while it waits', async () => {
    const { call, channel } = setUp({ maxRequestMessageBytes: 4 });
    for (const phase of ['waiting', 'running']) {
      const ended = call();
      if (phase === 'running') channel(1).become(READY);
      let written = 0;
      ended.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from('four'));
      ended.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from('fives'));
      await settled();
      expect(ended.code).toBe('RESOURCE_EXHAUSTED');
      expect(ended.ending.details).toBe('Attempted to send message with a size larger than 4');
      expect(written).toBe(2);
    }
  });

  it('end a call that receives a larger one, and reset its stream', async () => {
    const { call, channel, pool } = setUp({ maxResponseMessageBytes: 4 });
    channel(1);
    const received = call();
    channel(1).become(READY);
    received.call.startRead();
    const [inner] = channel(1).calls;
    inner?.send();
    inner?.send('four');
    inner?.send('fives');
    await settled();
    expect(received.events).toEqual(['metadata', 'message four', 'RESOURCE_EXHAUSTED']);
    expect(received.ending.details).toBe('Received message larger than max (5 vs 4)');
    expect(inner?.cancelledWith).toMatch(/^RESOURCE_EXHAUSTED/);
    expect(pool.stats().inFlightCalls).toBe(0);
  });
});
