import { connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { explain } from '@grpc-manifold/core';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedChannel,
  ScriptedScenes,
  settled,
  type ClientCall,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

const { IDLE, TRANSIENT_FAILURE } = connectivityState;

async function setUpReady(channels: number, options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ minChannels: channels, maxChannels: channels, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  return scene;
}

describe('a call whose deadline passes while a connection is made for it', () => {
  it('ends by its deadline, and is not refused', async () => {
    let isBusy = false;
    const scene = setUp({ minChannels: 0 }, (id) => {
      const channel = new ScriptedChannel(id);
      const connect = channel.getConnectivityState.bind(channel);
      channel.getConnectivityState = (tryToConnect) => {
        isBusy ||= tryToConnect;
        return connect(tryToConnect);
      };
      return channel;
    });
    const { elapsed } = scene.clock;
    // No timer has had its turn: the process was busy.
    scene.clock.elapsed = () => elapsed.call(scene.clock) + (isBusy ? 100 : 0);
    const late = scene.call({ deadline: scene.clock.now() + 50 });
    await settled();
    expect(late.code).toBe('DEADLINE_EXCEEDED');
    expect(scene.pool.stats()).toMatchObject({ queuedCalls: 0, inFlightCalls: 0 });
  });
});

describe('a call that could not be sent before its deadline', () => {
  /** One stream that is handed on each 10 ms, thirty times, with that many more calls waiting. */
  async function setUpPaced(waiting: number): Promise<Scene> {
    const scene = await setUpReady(1, { maxStreamsPerChannel: 1 });
    for (let count = 0; count <= 30 + waiting; count += 1) scene.call();
    for (let count = 0; count < 30; count += 1) {
      scene.clock.advance(10);
      (scene.channel(1).running[0] as ScriptedCall).end();
    }
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: waiting });
    return scene;
  }

  it('is told at once, with the numbers', async () => {
    const { call, clock, pool } = await setUpPaced(9);
    const sheds: unknown[] = [];
    pool.onShed((report) => sheds.push(report.explanation.refusedBy));
    const hopeless = call({ deadline: clock.now() + 90 });
    expect(hopeless.statuses).toEqual([]);
    await settled();
    expect(hopeless.code).toBe('RESOURCE_EXHAUSTED');
    expect(hopeless.ending.details).toMatch(
      /^Refused before it was sent, early-drop: it would wait 1\d\d ms and has 90 ms until its deadline; 1 calls in flight, 9 queued$/,
    );
    expect(explain(hopeless.ending)).toMatchObject({
      refusedBy: 'early-drop',
      limit: 90,
      inFlightCalls: 1,
      queuedCalls: 9,
    });
    expect(sheds).toEqual(['early-drop']);
    expect(pool.stats()).toMatchObject({ shedCalls: 1, queuedCalls: 9, inFlightCalls: 1 });
  });

  it('waits where there is time enough', async () => {
    const { call, clock, pool } = await setUpPaced(9);
    const [timely, patient] = [call({ deadline: clock.now() + 130 }), call()];
    await settled();
    expect([...timely.statuses, ...patient.statuses]).toEqual([]);
    expect(pool.stats()).toMatchObject({ shedCalls: 0, queuedCalls: 11 });
  });

  it('waits where nothing is known of the pace of late', async () => {
    const { call, clock, pool } = await setUpPaced(0);
    clock.advance(5_000);
    const unlucky = call({ deadline: clock.now() + 1 });
    await settled();
    expect(unlucky.statuses).toEqual([]);
    expect(pool.stats()).toMatchObject({ queuedCalls: 1 });
  });

  it('is not told so where calls waited seldom, but each only for a moment', async () => {
    const { call, channel, clock } = await setUpReady(1, { maxStreamsPerChannel: 1 });
    const calls: ClientCall[] = [];
    for (let pair = 0; pair < 40; pair += 1) {
      calls.push(call({ deadline: clock.now() + 100 }), call({ deadline: clock.now() + 100 }));
      await settled();
      clock.advance(5);
      channel(1).running[0]?.end();
      clock.advance(5);
      channel(1).running[0]?.end();
      clock.advance(490);
    }
    expect(new Set(calls.map((each) => each.code))).toEqual(new Set(['OK']));
  });
});

describe('a call that waits', () => {
  it('is sent with the metadata that it was started with, whatever becomes of them', async () => {
    const scene = setUp({ maxChannels: 1 });
    const made = scene.create();
    const metadata = new Metadata();
    metadata.set('key', 'as started');
    made.start(metadata);
    metadata.set('key', 'changed since');
    await scene.allReady();
    expect(scene.channel(1).running.map((call) => call.metadata?.get('key'))).toEqual([['as started']]);
  });
});

describe('a call that was refused before it was processed', () => {
  /** The connection that carries a call of that key. */
  const carrying = ({ channels }: Scene, key: string): ScriptedCall =>
    channels.flatMap(({ running }) => running).find((each) => each.metadata?.get('key')[0] === key) as ScriptedCall;

  /** A unary call as a client makes it. */
  function unary({ call }: Scene, more: Parameters<Scene['call']>[0] = {}): ClientCall {
    const made = call({ metadata: { key: 'it' }, ...more });
    made.call.startRead();
    made.call.sendMessageWithContext({}, Buffer.from('request'));
    made.call.halfClose();
    return made;
  }

  it('is tried on another connection, as a whole, and says so', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    scene.clock.advance(20);
    first.refuse();
    const second = carrying(scene, 'it');
    expect(second.channel.id).toBe(3 - first.channel.id);
    expect([second.messages, second.halfClosed, second.reading]).toEqual([['request'], true, 1]);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, retriedCalls: 1, startedCalls: 1, failedCalls: 0 });
    second.send();
    second.send('reply');
    second.end(status.NOT_FOUND, 'no such thing');
    expect(retried.events).toEqual(['metadata', 'message reply', 'NOT_FOUND']);
    expect(explain(retried.ending)).toMatchObject({ channelId: second.channel.id, retriedOn: second.channel.id });
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, retriedCalls: 1, failedCalls: 1 });
    expect(scene.pool.stats().channels.map(({ inFlightCalls }) => inFlightCalls)).toEqual([0, 0]);
  });

  it('is told nothing of it when the other connection takes it', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene);
    carrying(scene, 'it').refuse();
    carrying(scene, 'it').end();
    expect(retried.events).toEqual(['OK']);
    expect(scene.pool.stats()).toMatchObject({ succeededCalls: 1, failedCalls: 0, retriedCalls: 1 });
  });

  it('is tried on another connection although that carries more', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    for (let count = 0; count < 9; count += 1) scene.call();
    for (const each of first.channel === scene.channel(1) ? scene.channel(1).running : scene.channel(2).running) {
      if (each !== first) each.end();
    }
    first.refuse();
    expect(retried.events).toEqual([]);
    expect(carrying(scene, 'it').channel.id).toBe(3 - first.channel.id);
  });

  it('is tried on another connection although its key is bound to the one that refused it', async () => {
    const scene = await setUpReady(2, { affinity: ({ metadata }) => metadata.get('key')[0]?.toString() });
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    first.refuse();
    expect(retried.events).toEqual([]);
    expect(carrying(scene, 'it').channel.id).toBe(3 - first.channel.id);
  });

  it.each(['round-robin', 'power-of-two', 'peak-ewma'] as const)(
    'is tried on another connection whatever %s would pick',
    async (picker) => {
      const scene = await setUpReady(3, { picker });
      for (let turn = 0; turn < 20; turn += 1) {
        const key = `${turn}`;
        unary(scene, { metadata: { key } });
        const first = carrying(scene, key);
        first.refuse();
        expect(carrying(scene, key).channel.id).not.toBe(first.channel.id);
        carrying(scene, key).end();
      }
      expect(scene.pool.stats()).toMatchObject({ succeededCalls: 20, retriedCalls: 20 });
    },
  );

  it('is not tried a third time', async () => {
    const scene = await setUpReady(3);
    const refused = unary(scene);
    carrying(scene, 'it').refuse();
    const second = carrying(scene, 'it');
    second.refuse();
    expect([refused.code, refused.ending.details]).toEqual(['UNAVAILABLE', 'Stream refused by server']);
    expect(explain(refused.ending)).toMatchObject({ retriedOn: second.channel.id });
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, retriedCalls: 1, failedCalls: 1 });
  });

  it('is not tried again where there is no other connection', async () => {
    const scene = await setUpReady(1);
    const refused = unary(scene);
    carrying(scene, 'it').refuse();
    expect(refused.code).toBe('UNAVAILABLE');
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, retriedCalls: 0, failedCalls: 1 });
  });

  it('waits for a new connection when its own is gone', async () => {
    const scene = await setUpReady(1);
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    scene.clock.advance(5_000);
    scene.channel(1).become(IDLE);
    first.refuse();
    expect(retried.events).toEqual([]);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 1, retriedCalls: 1 });
    await scene.allReady();
    const second = carrying(scene, 'it');
    expect([second.channel.id, second.messages, second.halfClosed]).toEqual([2, ['request'], true]);
    second.end();
    expect(retried.events).toEqual(['OK']);
    expect(scene.pool.stats()).toMatchObject({ queuedCalls: 0, succeededCalls: 1 });
  });

  it('goes out before those that came after it, in the order in which they came', async () => {
    const scene = await setUpReady(1, { maxStreamsPerChannel: 2 });
    for (const key of ['1', '2', '3', '4']) unary(scene, { metadata: { key } });
    const refused = ['1', '2'].map((key) => carrying(scene, key));
    scene.clock.advance(5_000);
    scene.channel(1).become(IDLE);
    for (const each of refused) each.refuse();
    await scene.allReady();
    expect(scene.channel(2).running.map(({ metadata }) => metadata?.get('key'))).toEqual([['1'], ['2']]);
    expect(scene.pool.stats()).toMatchObject({ queuedCalls: 2, retriedCalls: 2 });
  });

  it('is told why when no new connection can be had', async () => {
    const scene = await setUpReady(1);
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    scene.clock.advance(5_000);
    scene.channel(1).become(IDLE);
    first.refuse();
    await settled();
    scene.channel(2).become(TRANSIENT_FAILURE);
    await settled();
    expect(retried.code).toBe('UNAVAILABLE');
    expect(explain(retried.ending)).toMatchObject({ refusedBy: 'no-connection' });
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0 });
  });

  it('keeps its deadline, of which the second connection is told what is left', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene, { deadline: scene.clock.now() + 500, metadata: { key: 'it' } });
    scene.clock.advance(200);
    carrying(scene, 'it').refuse();
    expect(carrying(scene, 'it').metadata?.get('grpc-timeout')).toEqual(['300m']);
    scene.clock.advance(300);
    await settled();
    expect(retried.code).toBe('DEADLINE_EXCEEDED');
  });

  it('can be cancelled on the second connection, which alone is told', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene);
    const first = carrying(scene, 'it');
    first.refuse();
    const second = carrying(scene, 'it');
    retried.call.cancelWithStatus(status.CANCELLED, 'enough');
    await settled();
    expect(retried.events).toEqual(['CANCELLED']);
    expect([first.cancelledWith, second.cancelledWith]).toEqual([undefined, 'CANCELLED: enough']);
  });

  it('may send on and half-close later, and all of it arrives once', async () => {
    const scene = await setUpReady(2);
    const stream = scene.call({ metadata: { key: 'it' } });
    carrying(scene, 'it').refuse();
    let written = 0;
    for (const text of ['a', 'b']) {
      stream.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from(text));
    }
    stream.call.halfClose();
    const second = carrying(scene, 'it');
    expect([second.messages, second.halfClosed, written]).toEqual([['a', 'b'], true, 2]);
  });

  it('takes the one message that it has sent along, and tells its writer once', async () => {
    const scene = await setUpReady(2);
    const stream = scene.call({ metadata: { key: 'it' } });
    let written = 0;
    stream.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from('a'));
    carrying(scene, 'it').refuse();
    stream.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from('b'));
    expect([carrying(scene, 'it').messages, written]).toEqual([['a', 'b'], 2]);
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 1, inFlightCalls: 1 });
  });

  it('is not tried again when several messages were sent', async () => {
    const scene = await setUpReady(2);
    const stream = scene.call({ metadata: { key: 'it' } });
    for (const text of ['a', 'b']) stream.call.sendMessageWithContext({}, Buffer.from(text));
    carrying(scene, 'it').refuse();
    expect(stream.code).toBe('UNAVAILABLE');
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 0, failedCalls: 1 });
  });

  it('is not tried again when headers came with its status: a server said so', async () => {
    const scene = await setUpReady(2);
    const refused = unary(scene);
    const headers = new Metadata();
    headers.set('server', 'example');
    carrying(scene, 'it').end(status.UNAVAILABLE, 'Stream refused by server', headers);
    expect(refused.code).toBe('UNAVAILABLE');
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 0 });
  });

  it('is not tried again when it was answered before: it had been processed', async () => {
    const scene = await setUpReady(2);
    const refused = unary(scene);
    const first = carrying(scene, 'it');
    first.send();
    first.refuse();
    expect(refused.events).toEqual(['metadata', 'UNAVAILABLE']);
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 0 });
  });

  it.each([
    ['another status', status.UNAVAILABLE, 'Connection dropped'],
    ['another code', status.INTERNAL, 'Stream refused by server'],
  ])('is what %s does not say', async (_what, code, details) => {
    const scene = await setUpReady(2);
    const failed = unary(scene);
    carrying(scene, 'it').end(code, details);
    expect(failed.code).toBe(status[code]);
    expect(scene.pool.stats()).toMatchObject({ retriedCalls: 0 });
  });

  it('is tried on another connection while the pool drains, too', async () => {
    const scene = await setUpReady(2);
    const retried = unary(scene);
    const drained = scene.pool.drain();
    carrying(scene, 'it').refuse();
    carrying(scene, 'it').end();
    expect(retried.events).toEqual(['OK']);
    expect(await drained).toMatchObject({ finishedCalls: 1, cancelledCalls: 0 });
  });

  it('ends as it was refused when the pool is destroyed meanwhile', async () => {
    const scene = await setUpReady(2);
    const refused = unary(scene);
    const first = carrying(scene, 'it');
    const destroyed = scene.pool.destroy();
    first.refuse();
    await destroyed;
    await settled();
    expect(refused.events).toEqual(['UNAVAILABLE']);
  });
});

describe('a connection that answers every call by an error', () => {
  it('gets more than a hundred calls all the same', async () => {
    const { call, channel, pool } = await setUpReady(1);
    for (let count = 0; count < 300; count += 1) {
      const refused = call();
      channel(1).running[0]?.end(status.UNAUTHENTICATED, 'who are you?');
      expect(refused.events).toEqual(['UNAUTHENTICATED']);
    }
    expect(pool.stats()).toMatchObject({ failedCalls: 300, queuedCalls: 0 });
  });
});
