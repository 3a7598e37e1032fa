import { connectivityState, credentials, status, type ChannelOptions } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectionPolicy, PolicyAction, PoolView } from '@grpc-manifold/core';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedChannel,
  ScriptedScenes,
  settled,
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

/** Looks each ten milliseconds, and has done what the test says. */
class TestPolicy implements ConnectionPolicy {
  readonly name = 'test';
  readonly views: PoolView[] = [];
  next: PolicyAction[] = [];

  review(view: PoolView): ReturnType<NonNullable<ConnectionPolicy['review']>> {
    this.views.push(view);
    return { actions: this.next.splice(0), nextReviewMs: 10 };
  }
}

type Scene = ScriptedScene<ChannelPool> & { act(...actions: PolicyAction[]): Promise<void>; view(): PoolView };

/** As many connections as there may be, all ready, of 20 streams each. */
async function setUpFull(maxChannels: number, options: ChannelPoolOptions = {}): Promise<Scene> {
  const policy = new TestPolicy();
  const scene = setUp({
    minChannels: maxChannels,
    maxChannels,
    maxStreamsPerChannel: 20,
    policies: [policy],
    ...options,
  });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  const act = async (...actions: PolicyAction[]): Promise<void> => {
    policy.next.push(...actions);
    scene.clock.advance(10);
    await settled();
  };
  const view = (): PoolView => {
    scene.clock.advance(10);
    return policy.views.at(-1) as PoolView;
  };
  return Object.assign(scene, { act, view });
}

function states({ pool }: Scene): string[] {
  return pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
}

const rotate = (channelId: number): PolicyAction => ({ kind: 'rotate', channelId, reason: 'it is old' });
const close = (channelId: number): PolicyAction => ({ kind: 'close', channelId, reason: 'nobody needs it' });
const verify = (channelId: number): PolicyAction => ({ kind: 'verify', channelId, reason: 'silent' });

describe('what a policy sees', () => {
  it('is each connection with its calls, its times and a jitter fraction of its own that stays', async () => {
    const scene = await setUpFull(2);
    scene.call();
    const first = scene.view();
    expect(first).toMatchObject({ minChannels: 2, maxChannels: 2, keepaliveTimeMs: undefined, pingStrikes: 0 });
    expect(first.channels).toMatchObject([
      { id: 1, state: 'ready', inFlightCalls: 0, drainingMs: 0, canPing: false, pings: 0, isPinging: false },
      { id: 2, inFlightCalls: 1, idleMs: 0, pingedMs: Infinity, keepaliveTimeMs: Infinity },
    ]);
    const [one, other] = first.channels.map(({ jitterFraction }) => jitterFraction) as [number, number];
    expect(one).not.toBe(other);
    for (const fraction of [one, other]) expect(fraction >= 0 && fraction < 1).toBe(true);
    scene.clock.advance(1_000);
    const later = scene.view();
    expect(later.channels.map(({ jitterFraction }) => jitterFraction)).toEqual([one, other]);
    const grown = later.channels.map(({ ageMs }, at) => ageMs - (first.channels[at]?.ageMs ?? 0));
    expect(grown).toEqual([1_010, 1_010]);
    expect((later.channels[0]?.idleMs ?? 0) - (first.channels[0]?.idleMs ?? 0)).toBe(1_010);
  });
});

describe('rotate', () => {
  it('makes another ready before the connection drains, and lets its calls finish', async () => {
    const scene = await setUpFull(2);
    const calls = [scene.call(), scene.call()];
    await scene.act(rotate(1));
    expect(states(scene)).toEqual(['1 ready', '2 ready', '3 connecting']);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready', '3 ready']);
    scene.channel(1).running[0]?.end(status.OK, '');
    await settled();
    expect(calls.flatMap(({ statuses }) => statuses.map(({ code }) => code))).toEqual([status.OK]);
    expect(states(scene)).toEqual(['2 ready', '3 ready']);
  });

  it('replaces one at a time, however many are named, and each once', async () => {
    const scene = await setUpFull(3);
    for (let call = 0; call < 3; call += 1) scene.call();
    await scene.act(rotate(1), rotate(2), rotate(3), rotate(1));
    for (let round = 1; round <= 3; round += 1) {
      const live = states(scene).filter((state) => !state.endsWith('draining'));
      expect(live).toHaveLength(4);
      expect(live.filter((state) => state.endsWith('connecting'))).toHaveLength(1);
      scene.channels.find(({ state }) => state === connectivityState.CONNECTING)?.become(connectivityState.READY);
      await settled();
    }
    expect(states(scene)).toEqual(['1 draining', '2 draining', '3 draining', '4 ready', '5 ready', '6 ready']);
  });

  it('keeps the connection for as long as no other can be made', async () => {
    const scene = await setUpFull(1);
    await scene.act(rotate(1));
    scene.channel(2).become(connectivityState.TRANSIENT_FAILURE);
    await settled();
    expect(states(scene)).toEqual(['1 ready']);
    scene.call();
    expect(scene.channel(1).running).toHaveLength(1);
    scene.clock.advance(2_000);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '3 ready']);
  });

  it('does not take the old connection back when load returns', async () => {
    const scene = await setUpFull(1, { minChannels: 1, maxChannels: 2 });
    scene.call();
    await scene.act(rotate(1));
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    for (let call = 0; call < 25; call += 1) scene.call();
    await settled();
    expect(states(scene)).toEqual(['1 draining', '2 ready', '3 connecting']);
  });

  it('waits while as many drain as may', async () => {
    const scene = await setUpFull(2, { maxDrainingChannels: 1 });
    scene.call();
    scene.call();
    await scene.act(rotate(1), rotate(2));
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready', '3 ready']);
    scene.channel(1).running[0]?.end(status.OK, '');
    await scene.allReady();
    expect(states(scene)).toEqual(['2 draining', '3 ready', '4 ready']);
    expect(scene.channel(2).running).toHaveLength(1);
  });
});

describe('close', () => {
  it('closes a connection without calls at once', async () => {
    const scene = await setUpFull(2, { minChannels: 0 });
    scene.pool.update({ maxChannels: 3 });
    for (let call = 0; call < 20; call += 1) scene.call();
    await scene.allReady();
    const { channels } = scene.pool.stats();
    const idle = channels.find(({ inFlightCalls }) => inFlightCalls === 0)?.id as number;
    await scene.act(close(idle));
    expect(scene.channel(idle).isClosed).toBe(true);
    expect(scene.pool.stats().channels.map(({ id }) => id)).not.toContain(idle);
  });

  it('lets the calls of a connection end first, and takes it back when it is needed', async () => {
    const scene = await setUpFull(1, { minChannels: 0, maxChannels: 1 });
    const call = scene.call();
    await scene.allReady();
    await scene.act(close(1));
    expect(states(scene)).toEqual(['1 draining']);
    scene.call();
    await settled();
    expect(states(scene)).toEqual(['1 ready']);
    expect(call.statuses).toEqual([]);
  });

  it('lets the calls of a connection that minChannels asks for end, and opens another', async () => {
    const scene = await setUpFull(1);
    const call = scene.call();
    await scene.act(close(1));
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    expect(scene.channel(1).isClosed).toBe(false);
    scene.channel(1).running[0]?.end();
    await settled();
    expect(call.code).toBe('OK');
    expect(states(scene)).toEqual(['2 ready']);
  });

  it('leaves a connection in use where too many drain', async () => {
    const scene = await setUpFull(2, { maxDrainingChannels: 1 });
    const calls = [scene.call(), scene.call()];
    scene.channel(1).become(connectivityState.IDLE);
    await scene.act(close(2));
    expect(states(scene).slice(0, 2)).toEqual(['1 draining', '2 ready']);
    expect(scene.channel(2).isClosed).toBe(false);
    for (const channel of scene.channels) for (const each of channel.running) each.end();
    await settled();
    expect(calls.map(({ code }) => code)).toEqual(['OK', 'OK']);
  });

  it('ends the calls of a connection that drains already', async () => {
    const scene = await setUpFull(1);
    const call = scene.call();
    await scene.act(rotate(1));
    await scene.allReady();
    await scene.act(close(1));
    expect(call.ending).toMatchObject({
      code: status.UNAVAILABLE,
      details: 'Connection 1 was given up: nobody needs it; 1 calls in flight, 0 queued',
    });
    expect(states(scene)).toEqual(['2 ready']);
  });

  it('of a connection that is not there is nothing', async () => {
    const scene = await setUpFull(1);
    await scene.act(close(7), rotate(7), verify(7), { kind: 'ping', channelId: 7, reason: '' });
    expect(states(scene)).toEqual(['1 ready']);
  });
});

describe('verify', () => {
  it('makes a connection anew that cannot be asked', async () => {
    const scene = await setUpFull(1);
    await scene.act(verify(1));
    await scene.allReady();
    expect(states(scene)).toEqual(['2 ready']);
  });

  it('leaves one alone that has calls', async () => {
    const scene = await setUpFull(1);
    scene.call();
    await scene.act(verify(1));
    expect(states(scene)).toEqual(['1 ready']);
  });
});

describe('set-keepalive', () => {
  it('is shown in the stats and to every policy from then on', async () => {
    const scene = await setUpFull(1);
    expect(scene.pool.stats().keepaliveTimeMs).toBeUndefined();
    await scene.act({ kind: 'set-keepalive', timeMs: 20_000, reason: 'to begin with' });
    expect(scene.pool.stats().keepaliveTimeMs).toBe(20_000);
    expect(scene.view().keepaliveTimeMs).toBe(20_000);
  });
});

describe('options that policies want of grpc-js', () => {
  const alive: ConnectionPolicy = { name: 'alive', channelOptions: () => ({ 'grpc.keepalive_time_ms': 20_000 }) };

  it('are refused beside a keepalive of the user', () => {
    const channelOptions = { 'grpc.keepalive_time_ms': 30_000 };
    expect(
      () => new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), { policies: [alive], channelOptions }),
    ).toThrow(
      "ChannelPool: channelOptions['grpc.keepalive_time_ms'] must not be set beside a policy that keeps connections " +
        'alive, got 30000: each would send PINGs of its own',
    );
  });

  it('must be an object', () => {
    const wrong = { name: 'wrong', channelOptions: () => 5 } as unknown as ConnectionPolicy;
    expect(() => new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), { policies: [wrong] })).toThrow(
      'ChannelPool: channelOptions() of the policy wrong must return an object, got 5',
    );
  });

  it('give way to those of the user', async () => {
    const made: ChannelOptions[] = [];
    const policy: ConnectionPolicy = {
      name: 'alive',
      channelOptions: () => ({ 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 20_000 }),
    };
    await using pool = new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), {
      policies: [policy],
      channelOptions: { 'grpc.keepalive_timeout_ms': 5_000 },
      channelFactory: (_target, _credentials, options, { id }) => {
        made.push(options);
        return new ScriptedChannel(id);
      },
    });
    expect(pool.stats().channels).toEqual([]);
    expect(made).toMatchObject([{ 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 5_000 }]);
  });
});
