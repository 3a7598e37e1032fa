import { connectivityState, credentials, type ChannelInterface } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { CONNECTION, type ConnectedChannel, type Connection, type SessionState } from '@grpc-manifold/core/internal';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedChannel,
  ScriptedScenes,
  settled,
  type ClientCall,
  type FakeClock,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const HOUR_MS = 3_600_000;

/** A connection that can be asked for a sign of life, and answers when a test says so. */
class AskedConnection implements Connection {
  readonly session: SessionState = 'open';
  readonly serverLimit = 20;
  readonly peer = undefined;
  bytesRead = 0;
  readonly isConnecting = false;
  readonly goaway = undefined;
  readonly error = undefined;
  readonly nextStreamId = 0;
  readonly asked: ((isAnswered: boolean) => void)[] = [];

  constructor(readonly channel: ChannelInterface) {}

  connect(onState: (state: connectivityState) => void): void {
    const follow = (): void => {
      const seen = this.channel.getConnectivityState(false);
      onState(seen);
      if (seen !== connectivityState.SHUTDOWN) this.channel.watchConnectivityState(seen, Infinity, follow);
    };
    this.channel.getConnectivityState(true);
    follow();
  }

  ask(onAnswer: (isAnswered: boolean) => void): boolean {
    this.asked.push(onAnswer);
    return true;
  }

  answer(): void {
    this.bytesRead += 9;
    for (const onAnswer of this.asked.splice(0)) onAnswer(true);
  }

  ping(): boolean {
    return false;
  }

  neverActedOn(): boolean {
    return false;
  }

  closeChannel(): void {
    if (this.channel.getConnectivityState(false) !== connectivityState.SHUTDOWN) this.channel.close();
  }

  async close(): Promise<number> {
    await Promise.resolve();
    this.closeChannel();
    return 0;
  }
}

class AskedChannel extends ScriptedChannel implements ConnectedChannel {
  readonly [CONNECTION] = new AskedConnection(this);
}

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

type Scene = ScriptedScene<ChannelPool> & { connection(id: number): AskedConnection };

async function setUpReady(options: ChannelPoolOptions = {}, makeChannel = AskedChannel): Promise<Scene> {
  const scene = setUp({ minChannels: 1, policies: [], ...options }, (id) => new makeChannel(id));
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  const connection = (id: number): AskedConnection => (scene.channel(id) as AskedChannel)[CONNECTION];
  return Object.assign(scene, { connection });
}

function states({ pool }: Scene): string[] {
  return pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
}

function codes(calls: readonly ClientCall[]): string[] {
  return calls.map((call) => (call.statuses.length === 0 ? 'open' : call.code));
}

/** Lets every call that runs end well. */
function endAll({ channels }: Scene): void {
  for (const call of channels.flatMap(({ running }) => running)) call.end();
}

const threeCalls = (scene: Scene): ClientCall[] => {
  const deadline = scene.clock.now() + 5_000;
  return [scene.call({ deadline }), scene.call({ deadline }), scene.call({ deadline })];
};

const STANDSTILLS: readonly (readonly [string, (clock: FakeClock) => void])[] = [
  ['a process that was stopped', (clock) => clock.stop(20_000)],
  ['a laptop that wakes', (clock) => clock.stepWallClock(8 * HOUR_MS)],
  ['a wall clock that was set back', (clock) => clock.stepWallClock(-HOUR_MS)],
];

describe.each(STANDSTILLS)('%s', (_what, standStill) => {
  it.each([
    ['before the overdue beat', 0],
    ['after it', 1_000],
  ])('asks its idle connection for life before a call is put on it, made %s', async (_when, laterMs) => {
    const scene = await setUpReady();
    standStill(scene.clock);
    if (laterMs > 0) scene.clock.advance(laterMs);
    const calls = threeCalls(scene);
    expect(scene.channel(1).running).toHaveLength(0);
    expect(scene.connection(1).asked).toHaveLength(1);
    scene.connection(1).answer();
    expect(scene.channel(1).running).toHaveLength(3);
    endAll(scene);
    await settled();
    expect(codes(calls)).toEqual(['OK', 'OK', 'OK']);
    scene.call();
    expect(scene.channel(1).running).toHaveLength(1);
    expect(scene.connection(1).asked).toHaveLength(0);
  });

  it.each([
    ['with one connection', { maxChannels: 1 }],
    ['with several', { maxChannels: 4 }],
  ])('fails no call when the path has forgotten the connection: another is made, %s', async (_how, options) => {
    const scene = await setUpReady(options);
    standStill(scene.clock);
    const calls = threeCalls(scene);
    await settled();
    scene.clock.advance(1_000);
    await scene.allReady();
    expect(states(scene)).toEqual(['2 ready']);
    expect(scene.pool.stats().lastFault?.tag).toBe('keepalive-timeout');
    expect(scene.channel(2).running).toHaveLength(3);
    endAll(scene);
    await settled();
    expect(codes(calls)).toEqual(['OK', 'OK', 'OK']);
  });

  it('asks nothing while nobody calls', async () => {
    const scene = await setUpReady();
    standStill(scene.clock);
    scene.clock.advance(60_000);
    await settled();
    expect(scene.connection(1).asked).toHaveLength(0);
    expect(states(scene)).toEqual(['1 ready']);
  });

  it('asks for the calls that wait already', async () => {
    const scene = await setUpReady({ maxChannels: 1, maxStreamsPerChannel: 1 });
    const [first, second] = [scene.call(), scene.call()];
    standStill(scene.clock);
    scene.channel(1).running[0]?.end();
    await settled();
    expect(codes([first, second])).toEqual(['OK', 'open']);
    expect(scene.channel(1).running).toHaveLength(0);
    scene.connection(1).answer();
    endAll(scene);
    await settled();
    expect(codes([first, second])).toEqual(['OK', 'OK']);
  });

  it('puts no new call on a connection with calls that does not answer, and ends none of those', async () => {
    const scene = await setUpReady({ maxChannels: 2 });
    const subscription = scene.call();
    standStill(scene.clock);
    const calls = threeCalls(scene);
    expect(scene.channel(1).running).toHaveLength(1);
    await settled();
    scene.clock.advance(1_000);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    expect(scene.channel(2).running).toHaveLength(3);
    endAll(scene);
    await settled();
    expect(codes([subscription, ...calls])).toEqual(['OK', 'OK', 'OK', 'OK']);
  });

  it('keeps a connection with calls that answers', async () => {
    const scene = await setUpReady({ maxChannels: 1 });
    scene.call();
    standStill(scene.clock);
    const calls = threeCalls(scene);
    scene.connection(1).answer();
    expect(scene.channel(1).running).toHaveLength(4);
    endAll(scene);
    await settled();
    expect(codes(calls)).toEqual(['OK', 'OK', 'OK']);
    expect(states(scene)).toEqual(['1 ready']);
  });

  it('makes another connection where the idle one cannot be asked', async () => {
    const scene = await setUpReady({ maxChannels: 1 }, ScriptedChannel as typeof AskedChannel);
    standStill(scene.clock);
    const calls = threeCalls(scene);
    await scene.allReady();
    expect(states(scene)).toEqual(['2 ready']);
    endAll(scene);
    await settled();
    expect(codes(calls)).toEqual(['OK', 'OK', 'OK']);
  });
});

describe('a process that runs', () => {
  it('asks nothing, however long a connection is idle and however late a timer is by less than 5 s', async () => {
    const scene = await setUpReady();
    scene.clock.advance(HOUR_MS);
    scene.clock.stop(3_900);
    scene.call();
    expect(scene.connection(1).asked).toHaveLength(0);
    expect(scene.channel(1).running).toHaveLength(1);
  });

  it('has a timer only while there is a connection', async () => {
    const scene = await setUpReady({ shrinkAfterMs: Infinity, ejectOutliers: false, minChannels: 0 });
    scene.call();
    await scene.allReady();
    endAll(scene);
    await settled();
    scene.clock.advance(60_000);
    // The other one tells when nobody has used the pool for long.
    expect([scene.clock.pendingTimers, scene.clock.refdTimers]).toEqual([2, 0]);
    scene.channel(1).lose();
    await settled();
    expect(scene.pool.stats().channels).toEqual([]);
    expect(scene.clock.pendingTimers).toBe(0);
  });
});
