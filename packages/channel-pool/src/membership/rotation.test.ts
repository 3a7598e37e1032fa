import { connectivityState, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  type ClientCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';
import type { ScaleDecision } from './scaling.js';
import type { ChannelStateChange } from '../reports/stats.js';

/** Eight resets at once, then 25 a second: below one, the connection is low on resets. */
const RESET_BURST = 8;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, {
      ...environment,
      resetBurst: RESET_BURST,
    }),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { IDLE, READY, TRANSIENT_FAILURE } = connectivityState;

type Scene = ScriptedScene<ChannelPool> & { decisions: ScaleDecision[]; changes: ChannelStateChange[] };

/** As many connections as there may be, all ready, of 20 streams each. */
async function setUpFull(maxChannels: number, options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ minChannels: maxChannels, maxChannels, maxStreamsPerChannel: 20, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  const decisions: ScaleDecision[] = [];
  const changes: ChannelStateChange[] = [];
  scene.pool.onScale((decision) => decisions.push(decision));
  scene.pool.onChannelStateChange((change) => changes.push(change));
  return Object.assign(scene, { decisions, changes });
}

function states({ pool }: Scene): string[] {
  return pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
}

/** Cancels calls that were begun for it, on every connection that is ready alike. */
async function cancelMany(scene: Scene, count: number): Promise<ClientCall[]> {
  const calls = Array.from({ length: count }, () => scene.call());
  for (const { call } of calls) call.cancelWithStatus(status.CANCELLED, 'enough');
  await settled();
  return calls;
}

describe('a connection that has nearly used up its resets', () => {
  it('is replaced by a new one, and only when that is ready', async () => {
    const scene = await setUpFull(1);
    const bystander = scene.call();
    await cancelMany(scene, RESET_BURST);
    expect(states(scene)).toEqual(['1 ready', '2 connecting']);
    expect(scene.decisions).toMatchObject([
      { action: 'keep', from: 1, to: 1, reason: 'connection 1 is replaced: its resets are nearly used up' },
    ]);
    const before = scene.call();
    expect(scene.channel(1).running).toHaveLength(2);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    expect(scene.changes.at(-1)).toEqual({
      id: 1,
      from: 'ready',
      to: 'draining',
      reason: 'its resets are nearly used up',
    });
    expect(scene.pool.stats().lastFault).toBeUndefined();
    const after = scene.call();
    expect(scene.channel(2).running).toHaveLength(1);
    for (const channel of scene.channels) for (const call of channel.running) call.end();
    expect([bystander, before, after].map(({ code }) => code)).toEqual(['OK', 'OK', 'OK']);
    expect(states(scene)).toEqual(['2 ready']);
  });

  it('is not replaced while an eighth of them is left', async () => {
    const scene = await setUpFull(1);
    scene.call();
    await cancelMany(scene, RESET_BURST - 1);
    expect(states(scene)).toEqual(['1 ready']);
    expect(scene.decisions).toEqual([]);
  });

  it('is replaced when deadlines have used them up as well', async () => {
    const scene = await setUpFull(1);
    scene.call();
    for (let call = 0; call < RESET_BURST; call += 1) scene.call({ deadline: scene.clock.now() + 50 });
    scene.clock.advance(60);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
  });

  it('still paces the resets that wait while it drains, and counts each stream once', async () => {
    const scene = await setUpFull(1);
    const bystander = scene.call();
    await cancelMany(scene, RESET_BURST + 5);
    await scene.allReady();
    const reset = (): number => scene.channel(1).calls.filter((call) => call.cancelledWith !== undefined).length;
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    expect(reset()).toBe(RESET_BURST);
    expect(scene.pool.stats().channels[0]).toMatchObject({ inFlightCalls: 1, endingStreams: RESET_BURST + 5 });
    scene.clock.advance(80);
    expect(reset()).toBe(RESET_BURST + 2);
    // The server ends one that waits by itself.
    const waiting = scene.channel(1).calls.filter((call) => call.isRunning)[1];
    waiting?.end(status.DEADLINE_EXCEEDED);
    scene.clock.advance(1_000);
    expect(reset()).toBe(RESET_BURST + 4);
    scene.channel(1).calls[0]?.send();
    scene.clock.advance(20);
    expect(scene.pool.stats().channels[0]).toMatchObject({ state: 'draining', inFlightCalls: 1, endingStreams: 0 });
    scene.channel(1).running[0]?.end();
    expect(bystander.code).toBe('OK');
    expect(states(scene)).toEqual(['2 ready']);
  });

  it.each(['drained', 'destroyed'])('is not replaced in a pool that is %s', async (how) => {
    const scene = await setUpFull(1);
    for (let call = 0; call < 2 * RESET_BURST; call += 1) scene.call();
    const ended = how === 'drained' ? scene.pool.drain({ timeoutMs: 50 }) : scene.pool.destroy();
    scene.clock.advance(60);
    await settled();
    await ended;
    expect(scene.channels).toHaveLength(1);
  });

  it('stays when the attempt at another fails', async () => {
    const scene = await setUpFull(1);
    scene.call();
    await cancelMany(scene, RESET_BURST);
    scene.channel(2).become(TRANSIENT_FAILURE);
    await settled();
    expect(states(scene)).toEqual(['1 ready']);
    expect(scene.call().statuses).toEqual([]);
    expect(scene.channel(1).running).toHaveLength(2);
  });

  it('is followed by another at once when it is lost, however often the attempt at another has failed', async () => {
    const scene = await setUpFull(1);
    const bystander = scene.call();
    for (let attempt = 2; attempt <= 5; attempt += 1) {
      await cancelMany(scene, RESET_BURST);
      expect(states(scene)).toEqual(['1 ready', `${attempt} connecting`]);
      scene.channel(attempt).become(TRANSIENT_FAILURE);
      await settled();
      // A connection that answers, and is low on resets again when the time for the next attempt has come.
      scene.channel(1).calls[0]?.send();
      if (attempt < 5) scene.clock.advance(10_000);
    }
    scene.channel(1).lose();
    await settled();
    expect(bystander.code).toBe('UNAVAILABLE');
    const next = scene.call();
    await scene.allReady();
    expect(states(scene)).toEqual(['6 ready']);
    expect(scene.channel(6).running).toHaveLength(1);
    expect(next.statuses).toEqual([]);
  });

  it('stays when its resets have grown back before another is ready', async () => {
    const scene = await setUpFull(1);
    scene.call();
    await cancelMany(scene, RESET_BURST);
    scene.clock.advance(500);
    scene.channel(2).become(READY);
    await settled();
    // The one too many goes, as after a lowered maximum: the one without calls.
    expect(states(scene)).toEqual(['1 ready']);
  });

  it('is replaced by a new one also when one that drains has got some resets back', async () => {
    const scene = await setUpFull(1);
    scene.call();
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    scene.call();
    scene.clock.advance(200);
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 draining', '3 ready']);
  });

  it('waits for its resets while as many drain as may, and goes when one has drained', async () => {
    const scene = await setUpFull(1, { maxDrainingChannels: 1 });
    scene.call();
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    const second = scene.call();
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '2 ready']);
    scene.channel(1).running[0]?.end();
    await scene.allReady();
    expect(states(scene)).toEqual(['2 draining', '3 ready']);
    expect(second.statuses).toEqual([]);
  });

  it('goes at once when it has no calls, however many drain', async () => {
    const scene = await setUpFull(1, { maxDrainingChannels: 1 });
    scene.call();
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    expect(states(scene)).toEqual(['1 draining', '3 ready']);
  });

  it('keeps its calls when another is lost and more drain than the pool may drain by itself', async () => {
    const scene = await setUpFull(1, { maxDrainingChannels: 1 });
    const [first] = [scene.call()];
    await cancelMany(scene, RESET_BURST);
    await scene.allReady();
    const second = scene.call();
    // The server says GOAWAY.
    scene.channel(2).become(IDLE);
    await settled();
    await scene.allReady();
    expect(states(scene).slice(0, 2)).toEqual(['1 draining', '2 draining']);
    expect([first.statuses, second.statuses]).toEqual([[], []]);
  });

  it('has its turn with the others: each is replaced, one at a time, never with more than one beyond the maximum', async () => {
    const scene = await setUpFull(3);
    const bystanders = [scene.call(), scene.call(), scene.call()];
    let most = 0;
    await cancelMany(scene, 3 * RESET_BURST);
    for (;;) {
      await settled();
      const connecting = scene.channels.find(({ state }) => state === connectivityState.CONNECTING);
      if (connecting === undefined) break;
      const live = scene.pool.stats().channels.filter(({ state }) => state === 'ready' || state === 'connecting');
      most = Math.max(most, live.length);
      connecting.become(connectivityState.READY);
    }
    expect(states(scene)).toEqual(['1 draining', '2 draining', '3 draining', '4 ready', '5 ready', '6 ready']);
    expect(most).toBe(4);
    expect(bystanders.flatMap(({ statuses }) => statuses)).toEqual([]);
  });
});
