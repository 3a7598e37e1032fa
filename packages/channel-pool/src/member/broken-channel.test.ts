import { credentials, status } from '@grpc/grpc-js';
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

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const WAITING = 2_000;

/** One connection of one stream that is taken, and calls that wait for it. */
async function setUpWaiting(options: ChannelPoolOptions = {}): Promise<{
  readonly scene: ScriptedScene<ChannelPool>;
  readonly calls: readonly ClientCall[];
  readonly first: ScriptedCall;
}> {
  const scene = setUp({ minChannels: 1, maxChannels: 1, maxStreamsPerChannel: 1, policies: [], ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  scene.call();
  const [first] = scene.channel(1).running as [ScriptedCall];
  const calls = Array.from({ length: WAITING }, () => scene.call());
  expect(scene.pool.stats().queuedCalls).toBe(WAITING);
  return { scene, calls, first };
}

describe('a channel whose createCall throws while thousands of calls wait', () => {
  const queue = { maxQueuedCalls: WAITING };

  it('ends each of them once, in one loop that does not deepen the stack', async () => {
    const { scene, calls, first } = await setUpWaiting({ queue });
    const depths: number[] = [];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = Infinity;
    try {
      scene.channel(1).createCall = () => {
        const { stack = '' } = new Error('no calls here');
        depths.push(stack.split('\n').length);
        throw new Error('no calls here');
      };
      first.end();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    await settled();
    while (calls.some(({ statuses }) => statuses.length === 0)) await settled();
    expect(depths).toHaveLength(WAITING);
    expect(new Set(depths.slice(1)).size).toBe(1);
    expect(new Set(calls.map(({ statuses }) => statuses.map(({ code }) => code).join()))).toEqual(
      new Set([String(status.UNAVAILABLE)]),
    );
    expect(calls[0]?.ending.details).toBe('Connection 1 did not take the call: Error: no calls here');
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0, failedCalls: WAITING });
  });

  it('counts no stream for a call that it never made, and carries the next one when it works again', async () => {
    const { scene, first } = await setUpWaiting({ queue });
    const { broken } = scene.channel(1);
    scene.channel(1).broken = new Error('no calls here');
    first.end();
    await settled();
    expect(scene.pool.stats().channels).toMatchObject([{ state: 'ready', inFlightCalls: 0, endingStreams: 0 }]);
    scene.channel(1).broken = broken;
    const next = scene.call();
    scene.channel(1).running[0]?.end();
    await settled();
    expect(next.code).toBe('OK');
    expect(scene.pool.stats().channels).toMatchObject([{ id: 1, state: 'ready' }]);
  });

  it('hands over those that are left in the same loop, as soon as it takes calls again', async () => {
    const { scene, calls, first } = await setUpWaiting({ queue });
    let refused = 0;
    const { createCall } = scene.channel(1);
    scene.channel(1).createCall = function (...call) {
      if (refused++ < 100) throw new Error('no calls here');
      return createCall.apply(this, call);
    };
    first.end();
    await settled();
    expect(scene.channel(1).running).toHaveLength(1);
    expect(calls.filter(({ statuses }) => statuses.length > 0)).toHaveLength(100);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: WAITING - 101 });
  });
});
