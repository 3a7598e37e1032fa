import { EventEmitter } from 'node:events';
import { connectivityState, credentials, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { ParentCall } from '@grpc-manifold/core/internal';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  type ClientCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from './channel-pool.js';
import type { ChannelPoolOptions } from './options/options.js';

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const HOUR_MS = 3_600_000;
const STEPS_MS = [-HOUR_MS, HOUR_MS, 8 * HOUR_MS];

/** One connection with one stream, which a call has taken. */
async function setUpFull(options: ChannelPoolOptions = {}): Promise<ScriptedScene<ChannelPool>> {
  const scene = setUp({ minChannels: 1, maxChannels: 1, maxStreamsPerChannel: 1, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  scene.call();
  return scene;
}

describe.each(STEPS_MS)('when the wall clock is set by %d ms', (stepMs) => {
  it.each(['on a connection', 'waiting for a stream', 'waiting for a connection'] as const)(
    'a call %s ends at its deadline, not before and not after it',
    async (where) => {
      const scene = where === 'waiting for a stream' ? await setUpFull() : setUp({ maxStreamsPerChannel: 10 });
      const { clock } = scene;
      const call = scene.call({ deadline: clock.now() + 1_000 });
      if (where === 'on a connection') scene.channel(1).become(connectivityState.READY);
      clock.advance(300);
      clock.stepWallClock(stepMs);
      clock.advance(699);
      await settled();
      expect(call.statuses).toEqual([]);
      clock.advance(1);
      await settled();
      expect(call.code).toBe('DEADLINE_EXCEEDED');
      expect(call.ending.details).toMatch(/^Deadline exceeded after 1\.000s,/);
    },
  );

  it('a call that was made before and is started after it has the rest of its time', async () => {
    const { channel, clock, create } = setUp();
    const call = create({ deadline: clock.now() + 1_000 });
    clock.advance(400);
    clock.stepWallClock(stepMs);
    call.start();
    channel(1).become(connectivityState.READY);
    expect(channel(1).calls[0]?.metadata?.get('grpc-timeout')).toEqual(['600m']);
  });

  it('the deadline of a parent stays what it was when its call began', async () => {
    const { call, clock } = setUp();
    const parent = Object.assign(new EventEmitter(), { cancelled: false, getDeadline: () => 1_000_500 });
    const child = call({ parent: parent as unknown as ParentCall });
    clock.stepWallClock(stepMs);
    clock.advance(499);
    await settled();
    expect(child.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(child.code).toBe('DEADLINE_EXCEEDED');
  });

  it('a call without a deadline waits as long as the queue lets it', async () => {
    const { call, clock } = await setUpFull({ queue: { maxQueueTimeMs: 2_000 } });
    const waiting = call();
    clock.stepWallClock(stepMs);
    clock.advance(1_999);
    await settled();
    expect(waiting.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(waiting.code).toBe('RESOURCE_EXHAUSTED');
  });
});

it.each([-4_000, 4_000])(
  'a call that waited has the time that is left as its header, the wall clock set by %d ms',
  (stepMs) => {
    const { call, channel, clock } = setUp();
    call({ deadline: clock.now() + 1_000 });
    clock.advance(400);
    clock.stepWallClock(stepMs);
    channel(1).become(connectivityState.READY);
    expect(channel(1).calls[0]?.metadata?.get('grpc-timeout')).toEqual(['600m']);
  },
);

interface Step {
  readonly what: string;
  readonly ms: number;
  readonly jumpMs: number;
}

/** What a run does, and by how much the wall clock is set before each step. */
function runs(what: readonly string[], jumpMs: fc.Arbitrary<number>): fc.Arbitrary<readonly Step[]> {
  const step = fc.record({ what: fc.constantFrom(...what), ms: fc.integer({ min: 1, max: 400 }), jumpMs });
  return fc.array(step, { minLength: 1, maxLength: 25 });
}

/** Plays the steps, and tells how and when each call ended. */
async function play(run: readonly Step[], jumps: boolean): Promise<readonly (string | undefined)[]> {
  const scene = await setUpFull({ queue: { maxQueueTimeMs: 1_500 } });
  const { clock } = scene;
  const ends: (string | undefined)[] = [];
  const follow = (call: ClientCall): void => {
    const at = ends.push(undefined) - 1;
    call.start(undefined, (ending) => (ends[at] = `${status[ending.code]} at ${clock.elapsed()}`));
  };
  for (const { what, ms, jumpMs } of run) {
    if (jumps) clock.stepWallClock(jumpMs);
    if (what === 'call') follow(scene.create({ deadline: clock.now() + ms * 3 }));
    else if (what === 'patient call') follow(scene.create());
    else if (what === 'answer') scene.channel(1).running[0]?.end();
    // A call is told in a later turn: what it is told must not depend on how far time went meanwhile.
    for (let left = ms; left > 0; left -= Math.min(left, 50)) {
      clock.advance(Math.min(left, 50));
      await settled();
    }
  }
  await scene.pool.destroy();
  await settled();
  return ends;
}

it.each([
  // After a larger one each connection is verified before its next call, as after a standstill.
  ['small', runs(['call', 'patient call', 'answer', 'pass'], fc.integer({ min: -150, max: 150 }))],
  ['large', runs(['call', 'patient call', 'pass'], fc.integer({ min: -8 * HOUR_MS, max: 8 * HOUR_MS }))],
])('no %s jump of the wall clock moves the ending of a call', async (_size, steps) => {
  await fc.assert(
    fc.asyncProperty(steps, async (run) => {
      expect(await play(run, true)).toEqual(await play(run, false));
    }),
    { seed: 20_260_411, numRuns: 40 },
  );
});
