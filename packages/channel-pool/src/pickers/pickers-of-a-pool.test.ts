import { connectivityState, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';
import { PICKER_NAMES } from './index.js';
import type { MemberView, PickOutcome, Picker } from './picker.js';
import type { PooledCall } from '../calls/pooled-call.js';

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { IDLE } = connectivityState;

/** Connections that are ready, as many as there are. */
async function setUpReady(channels: number, options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ minChannels: channels, maxChannels: channels, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  return scene;
}

/** Hears what is warned of while something is done. */
async function warningsOf(act: () => void): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  act();
  await settled();
  process.off('warning', onWarning);
  return warnings;
}

function loads({ channels }: Scene): number[] {
  return channels.map((channel) => channel.running.length);
}

describe('the picker of a pool', () => {
  it.each(PICKER_NAMES)(
    'by the name of %s spreads calls, and fills every connection before one waits',
    async (picker) => {
      const scene = await setUpReady(4, { picker, maxStreamsPerChannel: 25 });
      for (let count = 0; count < 50; count += 1) scene.call();
      expect(Math.min(...loads(scene))).toBeGreaterThan(0);
      for (let count = 0; count < 60; count += 1) scene.call();
      expect(loads(scene)).toEqual([25, 25, 25, 25]);
      expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 100, queuedCalls: 10 });
    },
  );

  it('sees the connections that are ready and have room, what they carry, and the call', async () => {
    const seen: unknown[] = [];
    const picker: Picker = {
      pick: (members, call) => {
        seen.push([
          call.method,
          call.metadata.get('key')[0],
          members.map(({ id, usedStreams, maxConcurrentStreams, connectedMs }) => [
            id,
            usedStreams,
            maxConcurrentStreams,
            connectedMs,
          ]),
        ]);
        return members[0];
      },
    };
    const { call, clock } = await setUpReady(2, { picker, maxStreamsPerChannel: 2 });
    clock.advance(70);
    for (const key of ['a', 'b', 'c']) call({ method: `/echo.Echo/${key}`, metadata: { key } });
    expect(seen).toEqual([
      [
        '/echo.Echo/a',
        'a',
        [
          [1, 0, 2, 70],
          [2, 0, 2, 70],
        ],
      ],
      [
        '/echo.Echo/b',
        'b',
        [
          [1, 1, 2, 70],
          [2, 0, 2, 70],
        ],
      ],
      ['/echo.Echo/c', 'c', [[2, 0, 2, 70]]],
    ]);
  });

  it('is not asked when nobody has room', async () => {
    let asked = 0;
    const picker: Picker = { pick: ([first]) => ((asked += 1), first) };
    const { call } = await setUpReady(1, { picker, maxStreamsPerChannel: 1 });
    call();
    call();
    expect(asked).toBe(1);
  });

  it('may let a call wait, which then asks again as long as it waits', async () => {
    let isWilling = false;
    const picker: Picker = { pick: ([first]) => (isWilling ? first : undefined) };
    const { call, channel, clock, pool } = await setUpReady(1, { picker, queue: { maxQueueTimeMs: 1_000 } });
    const [patient, other] = [call(), call()];
    expect(pool.stats()).toMatchObject({ queuedCalls: 2, inFlightCalls: 0 });
    clock.advance(200);
    expect(channel(1).calls).toEqual([]);
    isWilling = true;
    clock.advance(20);
    expect(pool.stats()).toMatchObject({ queuedCalls: 0, inFlightCalls: 2 });
    isWilling = false;
    const unlucky = call();
    clock.advance(1_000);
    await settled();
    expect(unlucky.code).toBe('RESOURCE_EXHAUSTED');
    expect([patient, other].flatMap((each) => each.statuses)).toEqual([]);
  });

  it.each<[string, Picker['pick'], RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no idea');
      },
      /the picker threw: Error: no idea/,
    ],
    [
      'returns a stranger',
      () => ({ id: 1, usedStreams: 0, maxConcurrentStreams: 5, connectedMs: 0 }),
      /the picker returned what it was not given/,
    ],
    ['returns null', () => null as unknown as MemberView, /the picker (returned what it was not given|threw)/],
    ['returns a number', () => 1 as unknown as MemberView, /the picker (returned what it was not given|threw)/],
  ])('that %s costs no call, and is complained of once', async (_what, pick, words) => {
    const scene = await setUpReady(2, { picker: { pick }, maxStreamsPerChannel: 2 });
    const warnings = await warningsOf(() => {
      for (let count = 0; count < 4; count += 1) scene.call();
    });
    expect(loads(scene)).toEqual([2, 2]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(words);
  });

  it('that returns a connection it was given before, and that is full by now, costs no call', async () => {
    let first: MemberView | undefined;
    const picker: Picker = { pick: (members) => (first ??= members[0]) };
    const scene = await setUpReady(2, { picker, maxStreamsPerChannel: 2 });
    const warnings = await warningsOf(() => {
      for (let count = 0; count < 4; count += 1) scene.call();
    });
    expect(loads(scene)).toEqual([2, 2]);
    expect(warnings).toHaveLength(1);
  });

  it('that changes the array in spite of its type takes no connection out of use', async () => {
    const picker: Picker = {
      pick: (members) => {
        const mine = members as MemberView[];
        mine.sort((one, other) => other.id - one.id);
        return mine.pop();
      },
    };
    const scene = await setUpReady(3, { picker, maxStreamsPerChannel: 2 });
    await warningsOf(() => {
      for (let count = 0; count < 7; count += 1) scene.call();
    });
    expect(loads(scene)).toEqual([2, 2, 2]);
    expect(scene.pool.stats()).toMatchObject({ queuedCalls: 1 });
    for (const channel of scene.channels) (channel.running[0] as ScriptedCall).end();
    for (let count = 0; count < 2; count += 1) scene.call();
    expect(loads(scene)).toEqual([2, 2, 2]);
  });

  describe('that wants to hear how calls went', () => {
    class Listening implements Picker {
      readonly outcomes: [number, PickOutcome][] = [];

      pick([first]: readonly MemberView[]): MemberView | undefined {
        return first;
      }

      onCallEnd({ id }: MemberView, outcome: PickOutcome): void {
        this.outcomes.push([id, outcome]);
      }
    }

    it('is told the time to the first answer, however long the call lasts', async () => {
      const picker = new Listening();
      const { call, channel, clock } = await setUpReady(1, { picker });
      call().call.startRead();
      call();
      clock.advance(30);
      (channel(1).calls[0] as ScriptedCall).send();
      clock.advance(5_000);
      (channel(1).calls[0] as ScriptedCall).send('late');
      (channel(1).calls[0] as ScriptedCall).end();
      (channel(1).calls[1] as ScriptedCall).end();
      expect(picker.outcomes).toEqual([
        [1, { rttMs: 30, ok: true }],
        [1, { rttMs: 5_030, ok: true }],
      ]);
    });

    it('is not told the time that a call waited', async () => {
      const picker = new Listening();
      const { call, channel, clock } = await setUpReady(1, { picker, maxStreamsPerChannel: 1 });
      call();
      call();
      clock.advance(70);
      (channel(1).running[0] as ScriptedCall).end();
      clock.advance(10);
      (channel(1).running[0] as ScriptedCall).end();
      expect(picker.outcomes.map(([, { rttMs }]) => rttMs)).toEqual([70, 10]);
    });

    it.each([
      ['OK', true],
      ['UNAVAILABLE', false],
      ['DEADLINE_EXCEEDED', false],
      ['INTERNAL', false],
      ['UNKNOWN', false],
      ['RESOURCE_EXHAUSTED', false],
      ['DATA_LOSS', false],
      ['NOT_FOUND', true],
      ['INVALID_ARGUMENT', true],
      ['PERMISSION_DENIED', true],
      ['UNAUTHENTICATED', true],
      ['ABORTED', true],
    ] as const)('is told %s as ok: %s', async (code, ok) => {
      const picker = new Listening();
      const { call, channel } = await setUpReady(1, { picker });
      call();
      (channel(1).running[0] as ScriptedCall).end(status[code]);
      expect(picker.outcomes).toEqual([[1, { rttMs: 0, ok }]]);
    });

    it('is told of a deadline of ours, and never of a cancel', async () => {
      const picker = new Listening();
      const { call, clock } = await setUpReady(1, { picker });
      call({ deadline: clock.now() + 80 });
      const cancelled = call();
      clock.advance(50);
      cancelled.call.cancelWithStatus(status.CANCELLED, 'enough');
      clock.advance(50);
      await settled();
      expect(picker.outcomes).toEqual([[1, { rttMs: 80, ok: false }]]);
    });

    it('is told nothing of calls that were never on a connection', async () => {
      const picker = new Listening();
      const { call, clock } = await setUpReady(1, { picker, maxStreamsPerChannel: 1, queue: { maxQueuedCalls: 1 } });
      call();
      call({ deadline: clock.now() + 80 });
      call();
      clock.advance(100);
      await settled();
      expect(picker.outcomes).toEqual([]);
    });

    it('may throw, and touches no call', async () => {
      const picker = new Listening();
      picker.onCallEnd = () => {
        throw new Error('cannot hear');
      };
      const { call, channel, pool } = await setUpReady(1, { picker });
      const calls = [call(), call()];
      const warnings = await warningsOf(() => {
        for (const each of channel(1).running) each.end();
      });
      expect(calls.map((each) => each.code)).toEqual(['OK', 'OK']);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, succeededCalls: 2 });
      expect(warnings).toEqual([expect.stringContaining('onCallEnd of the picker threw: Error: cannot hear')]);
    });

    it('costs a call nothing where it does not', async () => {
      const { call, channel } = await setUpReady(1, { picker: { pick: ([first]) => first } });
      const pooled = call().call as PooledCall;
      (channel(1).running[0] as ScriptedCall).send();
      expect([pooled.handedAtMs, pooled.answeredAtMs]).toEqual([-1, -1]);
    });
  });

  it('by peak-ewma leaves a connection alone that fails every call at once', async () => {
    const scene = await setUpReady(4, { picker: 'peak-ewma' });
    let failed = 0;
    for (let count = 0; count < 1_000; count += 1) {
      scene.call();
      scene.clock.advance(5);
      for (const channel of scene.channels) {
        for (const each of channel.running) {
          if (channel.id === 2) failed += 1;
          each.end(channel.id === 2 ? status.UNAVAILABLE : status.OK);
        }
      }
    }
    expect(failed).toBeLessThan(10);
  });

  it('by peak-ewma does not starve a connection whose first call is a long stream', async () => {
    const scene = await setUpReady(2, { picker: 'peak-ewma' });
    const { call, channel, clock, channels } = scene;
    const known = call() && channel(1).running.length === 1 ? 1 : 2;
    clock.advance(5);
    (channel(known).running[0] as ScriptedCall).end();
    // The one that was never tried gets the next call, which is answered at once and does not end.
    call();
    const stream = channel(3 - known).running[0] as ScriptedCall;
    clock.advance(5);
    stream.send();
    for (let turn = 0; turn < 500; turn += 1) {
      for (let atOnce = 0; atOnce < 8; atOnce += 1) call();
      clock.advance(5);
      for (const each of channels.flatMap(({ running }) => running)) if (each !== stream) each.end();
    }
    expect(channel(3 - known).calls.length).toBeGreaterThan(400);
  });
});

describe('the affinity of a pool', () => {
  const affinity: ChannelPoolOptions['affinity'] = ({ metadata }) => metadata.get('key')[0]?.toString();

  /** The connection that a new call of that key is on; 0 when it waits. */
  function placeOf({ call, channels }: Scene, key?: string): number {
    const before = channels.map(({ calls }) => calls.length);
    call({ metadata: key === undefined ? {} : { key } });
    return channels.findIndex(({ calls }, index) => calls.length > (before[index] as number)) + 1;
  }

  it('keeps the calls of a key on one connection, and spreads the keys', async () => {
    const scene = await setUpReady(3, { affinity });
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const places = keys.map((key) => placeOf(scene, key));
    expect(loads(scene)).toEqual([2, 2, 2]);
    for (let turn = 0; turn < 5; turn += 1) expect(keys.map((key) => placeOf(scene, key))).toEqual(places);
  });

  it('leaves calls without a key to the picker', async () => {
    const scene = await setUpReady(3, { affinity });
    for (let count = 0; count < 5; count += 1) placeOf(scene, 'a');
    for (let count = 0; count < 10; count += 1) placeOf(scene);
    expect([...loads(scene)].sort()).toEqual([5, 5, 5]);
  });

  it('lets a call go elsewhere while the connection of its key is full, and comes back to it', async () => {
    const scene = await setUpReady(2, { affinity, maxStreamsPerChannel: 2 });
    const home = placeOf(scene, 'a');
    expect([placeOf(scene, 'a'), placeOf(scene, 'a')]).toEqual([home, 3 - home]);
    (scene.channel(home).running[0] as ScriptedCall).end();
    expect(placeOf(scene, 'a')).toBe(home);
  });

  it('holds for calls that waited as well', async () => {
    const scene = await setUpReady(2, { affinity, maxStreamsPerChannel: 2 });
    const home = placeOf(scene, 'a');
    for (let count = 0; count < 3; count += 1) placeOf(scene);
    expect(placeOf(scene, 'a')).toBe(0);
    (scene.channel(home).running[0] as ScriptedCall).end();
    expect(scene.channel(home).running.at(-1)?.metadata?.get('key')).toEqual(['a']);
  });

  it('binds a key anew when its connection is gone, and stays there', async () => {
    const scene = await setUpReady(3, { affinity });
    const home = placeOf(scene, 'a');
    scene.clock.advance(5_000);
    scene.channel(home).lose();
    const next = placeOf(scene, 'a');
    expect(next).not.toBe(home);
    await scene.allReady();
    for (let turn = 0; turn < 3; turn += 1) expect(placeOf(scene, 'a')).toBe(next);
  });

  it('gives a connection that drains no more calls of its keys', async () => {
    const scene = await setUpReady(2, { affinity });
    const home = placeOf(scene, 'a');
    scene.clock.advance(5_000);
    scene.channel(home).become(IDLE);
    expect(placeOf(scene, 'a')).toBe(3 - home);
  });

  it('is left out where its function throws, which is complained of once', async () => {
    const scene = await setUpReady(2, {
      affinity: () => {
        throw new Error('no key');
      },
    });
    const warnings = await warningsOf(() => {
      for (let count = 0; count < 6; count += 1) scene.call();
    });
    expect(loads(scene)).toEqual([3, 3]);
    expect(warnings).toEqual([expect.stringContaining('affinity threw: Error: no key')]);
  });
});
