import { connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
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
import type { ChannelStateChange } from '../reports/stats.js';

const { IDLE, READY, TRANSIENT_FAILURE } = connectivityState;
const BROKEN = 'Received RST_STREAM with code 2 (Internal server error)';
const EJECTION_MS = 5_000;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

type Scene = ScriptedScene<ChannelPool> & { readonly changes: ChannelStateChange[] };

/** A pool whose connections are ready. */
async function open(connections: number, options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ minChannels: connections, maxChannels: connections, maxStreamsPerChannel: 10, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  const changes: ChannelStateChange[] = [];
  scene.pool.onChannelStateChange((change) => changes.push(change));
  return Object.assign(scene, { changes });
}

/** Lets time go by as the pool looks at its connections. */
async function pass({ clock }: Scene, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    clock.advance(Math.min(100, ms - passedMs));
    await settled();
  }
}

/** Calls one after another until so many were broken by one connection; the others answer. */
function breakOn(scene: Scene, ids: readonly number[], times = 5): void {
  const broken = new Map(ids.map((id) => [id, 0]));
  for (let call = 0; call < 1_000 && [...broken.values()].some((count) => count < times); call += 1) {
    scene.call();
    for (const { id, running } of scene.channels) {
      for (const each of running) {
        if (broken.has(id)) {
          broken.set(id, (broken.get(id) ?? 0) + 1);
          each.end(status.INTERNAL, BROKEN);
        } else {
          each.send();
          each.end();
        }
      }
    }
  }
}

function states({ pool }: Scene): string[] {
  return pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
}

function took(scene: Scene, calls: number): number[] {
  const before = scene.channels.map((channel) => channel.calls.length);
  for (let call = 0; call < calls; call += 1) scene.call();
  return scene.channels.map((channel, index) => channel.calls.length - (before[index] ?? 0));
}

function told({ changes }: Scene): string[] {
  return changes.map(({ id, from, to }) => `${id} ${from} → ${to}`);
}

describe('a connection that breaks five calls in a row', () => {
  it('is ejected: it gets no calls, and says why', async () => {
    const scene = await open(4);
    breakOn(scene, [2]);
    expect(states(scene)).toEqual(['1 ready', '2 failed', '3 ready', '4 ready']);
    expect(scene.changes).toEqual([
      {
        id: 2,
        from: 'ready',
        to: 'failed',
        reason: `ejected: 5 calls in a row failed on it, the last by: ${BROKEN}`,
        fault: { tag: 'reset', detail: BROKEN },
      },
    ]);
    expect(took(scene, 15)[1]).toBe(0);
    expect(scene.pool.stats()).toMatchObject({ state: 'READY', streamCapacity: 30 });
  });

  it('keeps its connection and the calls on it', async () => {
    const scene = await open(2);
    const calls = [scene.call(), scene.call()];
    const [lasting] = scene.channel(2).running;
    for (let call = 0; call < 5; call += 1) {
      scene.call();
      scene.call();
      for (const each of scene.channels.flatMap(({ running }) => running.slice(1))) {
        if (each.channel.id === 2) each.end(status.INTERNAL, BROKEN);
        else each.end();
      }
    }
    expect(states(scene)).toEqual(['1 ready', '2 failed']);
    expect(scene.channel(2).isClosed).toBe(false);
    lasting?.send('still here');
    lasting?.end();
    expect(calls.flatMap(({ events }) => events)).toEqual(['message still here', 'OK']);
    // It was given before the ejection, and proves nothing of what comes after.
    expect(states(scene)).toEqual(['1 ready', '2 failed']);
  });

  it.each([status.UNAVAILABLE, status.INTERNAL, status.RESOURCE_EXHAUSTED])(
    'is not one whose server answers each call by status %s, whatever its words',
    async (code) => {
      const scene = await open(2);
      const metadata = new Metadata();
      metadata.set('content-type', 'application/grpc');
      for (let call = 0; call < 50; call += 1) {
        scene.call();
        scene.channels.forEach(({ running }) => running.forEach((each) => each.end(code, BROKEN, metadata)));
        scene.call();
        for (const each of scene.channels.flatMap(({ running }) => running)) {
          each.send();
          each.end(code, BROKEN);
        }
      }
      expect(scene.changes).toEqual([]);
    },
  );

  it('is not one whose calls are cancelled or run into their deadlines', async () => {
    const scene = await open(2);
    for (let call = 0; call < 20; call += 1) {
      scene.call().call.cancelWithStatus(status.CANCELLED, 'not wanted');
      scene.call({ deadline: scene.clock.now() + 5 });
      scene.clock.advance(10);
    }
    expect(told(scene)).toEqual([]);
  });

  it('stays in use without ejectOutliers', async () => {
    const scene = await open(2, { ejectOutliers: false });
    breakOn(scene, [2], 20);
    expect(scene.changes).toEqual([]);
  });

  it('has its keys go elsewhere', async () => {
    const scene = await open(2, { affinity: ({ metadata }) => String(metadata.get('key')[0]) });
    for (let call = 0; call < 5; call += 1) {
      scene.call({ metadata: { key: 'a' } });
      for (const each of scene.channels.flatMap(({ running }) => running)) each.end(status.INTERNAL, BROKEN);
    }
    expect(states(scene).filter((state) => state.endsWith('failed'))).toHaveLength(1);
    const call = scene.call({ metadata: { key: 'a' } });
    expect(scene.channels.flatMap(({ running }) => running)).toHaveLength(1);
    expect(call.statuses).toEqual([]);
  });
});

describe('an ejected connection', () => {
  it('is tried by one call after five seconds, and is back with an answer', async () => {
    const scene = await open(4);
    breakOn(scene, [2]);
    scene.call();
    await pass(scene, EJECTION_MS - 100);
    expect(took(scene, 4)[1]).toBe(0);
    await pass(scene, 200);
    expect(took(scene, 8)[1]).toBe(1);
    expect(states(scene)[1]).toBe('2 failed');
    scene.channel(2).running[0]?.send();
    expect(states(scene)[1]).toBe('2 ready');
    expect(told(scene)).toEqual(['2 ready → failed', '2 failed → ready']);
    expect(took(scene, 8)[1]).toBeGreaterThan(1);
  });

  it('is ejected for longer when that call fails', async () => {
    const scene = await open(4);
    breakOn(scene, [2]);
    scene.call();
    await pass(scene, EJECTION_MS + 100);
    scene.call();
    scene.channel(2).running[0]?.end(status.INTERNAL, BROKEN);
    await pass(scene, 2 * EJECTION_MS - 100);
    expect(took(scene, 4)[1]).toBe(0);
    await pass(scene, 200);
    expect(took(scene, 4)[1]).toBe(1);
    expect(told(scene)).toEqual(['2 ready → failed']);
  });

  it('is tried by the next call when that one is cancelled', async () => {
    const scene = await open(4);
    breakOn(scene, [2]);
    scene.call();
    await pass(scene, EJECTION_MS + 100);
    const trial = scene.call();
    expect(scene.channel(2).running).toHaveLength(1);
    trial.call.cancelWithStatus(status.CANCELLED, 'not wanted');
    await pass(scene, 100);
    expect(took(scene, 4)[1]).toBe(1);
  });

  it('takes a waiting call for that when all others are full', async () => {
    const scene = await open(2, { maxStreamsPerChannel: 1 });
    breakOn(scene, [2]);
    scene.call();
    const waiting = scene.call();
    expect(scene.pool.stats().queuedCalls).toBe(1);
    await pass(scene, EJECTION_MS + 100);
    expect(scene.pool.stats().queuedCalls).toBe(0);
    scene.channel(2).running[0]?.end();
    expect(waiting.code).toBe('OK');
  });

  it.each(['lost', 'closed by the pool'])('may be %s meanwhile', async (how) => {
    const scene = await open(4);
    breakOn(scene, [2]);
    if (how === 'lost') scene.channel(2).become(IDLE);
    else scene.pool.update({ minChannels: 1, maxChannels: 3 });
    // It never answered: the next attempt is made with backoff.
    await pass(scene, 2_000);
    await scene.allReady();
    // The one that does not work goes first.
    expect(told(scene).slice(0, 3)).toEqual(['2 ready → failed', '2 failed → draining', '2 draining → closed']);
    const there = how === 'lost' ? ['1 ready', '3 ready', '4 ready', '5 ready'] : ['1 ready', '3 ready', '4 ready'];
    expect(states(scene)).toEqual(there);
  });

  it('counts as one that is there: minChannels asks for no other', async () => {
    const scene = await open(4, { maxChannels: 10 });
    breakOn(scene, [2]);
    await scene.allReady();
    await pass(scene, 1_000);
    expect(scene.channels).toHaveLength(4);
  });

  it('has another opened below maxChannels when the load asks for it', async () => {
    const scene = await open(4, { maxChannels: 5 });
    breakOn(scene, [2]);
    const calls: ClientCall[] = [];
    for (let call = 0; call < 40; call += 1) calls.push(scene.call());
    await scene.allReady();
    expect(states(scene)).toEqual(['1 ready', '2 failed', '3 ready', '4 ready', '5 ready']);
    for (let call = 0; call < 40; call += 1) calls.push(scene.call());
    await scene.allReady();
    expect(scene.channels).toHaveLength(5);
    expect(calls.some(({ statuses }) => statuses.length > 0)).toBe(false);
  });

  it('is not taken for a connection that could not be made: what waits goes on waiting', async () => {
    const scene = await open(2, { maxStreamsPerChannel: 1 });
    const calls = [scene.call(), scene.call()];
    const broken = scene.channel(2);
    for (let call = 0; call < 5; call += 1) {
      broken.running[0]?.end(status.INTERNAL, BROKEN);
      calls.push(scene.call());
    }
    expect(states(scene)).toEqual(['1 ready', '2 failed']);
    expect(calls.filter(({ statuses }) => statuses.length > 0)).toHaveLength(5);
    expect(scene.pool.stats()).toMatchObject({ state: 'READY', inFlightCalls: 1, queuedCalls: 1 });
  });
});

describe('more than half of the connections', () => {
  it('are not ejected: all are used then', async () => {
    const scene = await open(4);
    breakOn(scene, [2]);
    breakOn(scene, [3]);
    expect(states(scene)).toEqual(['1 ready', '2 failed', '3 failed', '4 ready']);
    breakOn(scene, [1]);
    expect(states(scene)).toEqual(['1 ready', '2 ready', '3 ready', '4 ready']);
    expect(scene.changes.at(-1)?.reason).toBe('3 of 4 connections are ejected: all are used');
    expect(took(scene, 8)).toEqual([2, 2, 2, 2]);
  });

  it('are used as well when those are lost that were not ejected', async () => {
    const scene = await open(3);
    breakOn(scene, [2]);
    for (const id of [1, 3]) scene.channel(id).become(IDLE);
    expect(states(scene)).toContain('2 ready');
  });

  it('stay ejected that still are when enough have come back', async () => {
    const scene = await open(4);
    breakOn(scene, [1, 2, 3]);
    expect(states(scene)).toEqual(['1 ready', '2 ready', '3 ready', '4 ready']);
    scene.call();
    await pass(scene, EJECTION_MS + 100);
    scene.call();
    for (let call = 0; call < 7; call += 1) scene.call();
    for (const each of scene.channel(1).running) each.end();
    expect(states(scene)).toEqual(['1 ready', '2 failed', '3 failed', '4 ready']);
  });
});

describe('the only connection', () => {
  it('is never ejected', async () => {
    const scene = await open(1, { maxChannels: 5 });
    breakOn(scene, [1], 20);
    expect(scene.changes).toEqual([]);
    expect(states(scene)).toEqual(['1 ready']);
  });

  it('that there may be is not even looked at', async () => {
    const scene = await open(1);
    const timers = scene.clock.pendingTimers;
    scene.call();
    expect(scene.clock.pendingTimers).toBe(timers);
  });
});

describe('the timer', () => {
  it('runs while calls wait for their first answer, holds nothing, and ends with them', async () => {
    const scene = await open(2, { shrinkAfterMs: Infinity, policies: [] });
    // The beat of the process runs beside it, as long as there is a connection, and the watch for an idle pool.
    const beat = 2;
    expect(scene.clock.pendingTimers).toBe(beat);
    scene.call();
    expect(scene.clock.pendingTimers).toBe(beat + 1);
    expect(scene.clock.refdTimers).toBe(0);
    await pass(scene, 1_000);
    expect(scene.clock.pendingTimers).toBe(beat + 1);
    for (const { running } of scene.channels) running[0]?.send();
    await pass(scene, 200);
    expect(scene.clock.pendingTimers).toBe(beat);
    expect(scene.pool.stats().inFlightCalls).toBe(1);
  });
});

describe('a process that is busy', () => {
  /** Quick answers on all of four connections, and then calls on the first alone. */
  async function warm(callsOnFirst: number, deadlineInMs = Infinity): Promise<Scene & { answer(): void }> {
    let isOnFirst = false;
    const scene = await open(4, {
      maxStreamsPerChannel: 100,
      picker: {
        pick: (members) => (isOnFirst ? members.find(({ id }) => id === 1) : members[turn++ % members.length]),
      },
    });
    let turn = 0;
    const answer = (): void => {
      for (const each of scene.channels.flatMap(({ running }) => running)) {
        each.send();
        each.end();
      }
    };
    for (let round = 0; round < 2; round += 1) {
      for (let call = 0; call < 100; call += 1) scene.call();
      await pass(scene, 10);
      answer();
      for (let call = 0; call < 4; call += 1) scene.call();
      await pass(scene, 100);
      answer();
    }
    isOnFirst = true;
    for (let call = 0; call < callsOnFirst; call += 1) scene.call({ deadline: scene.clock.now() + deadlineInMs });
    return Object.assign(scene, { answer });
  }

  /** Time goes by, and nothing is done in it. */
  function block({ clock }: Scene, ms: number): void {
    clock.advance(ms);
  }

  it('does not take answers that it came to read late for slow ones', async () => {
    const scene = await warm(50);
    block(scene, 3_000);
    scene.answer();
    await pass(scene, 1_000);
    expect(scene.changes).toEqual([]);
  });

  it('would take them for slow ones that came while it was there', async () => {
    const scene = await warm(50);
    await pass(scene, 3_000);
    scene.answer();
    scene.call();
    await pass(scene, 200);
    expect(told(scene)).toEqual(['1 ready → failed']);
  });

  it('does not take the time in which it heard nothing for silence', async () => {
    const scene = await warm(10, 1_000);
    scene.call();
    await pass(scene, 100);
    block(scene, 6_000);
    await pass(scene, 1_000);
    expect(scene.changes).toEqual([]);
  });

  it('would take it for silence while it was there', async () => {
    const scene = await warm(10, 1_000);
    scene.call();
    await pass(scene, 6_100);
    expect(told(scene)).toEqual(['1 ready → failed']);
  });
});

describe('a connection that could not be made', () => {
  it('is nothing to the share of those that are ejected', async () => {
    const scene = await open(2, { maxChannels: 3 });
    breakOn(scene, [2]);
    for (let call = 0; call < 10; call += 1) scene.call();
    await settled();
    scene.channel(3).become(TRANSIENT_FAILURE);
    await settled();
    expect(states(scene).slice(0, 2)).toEqual(['1 ready', '2 failed']);
    scene.channel(1).become(READY);
  });
});
