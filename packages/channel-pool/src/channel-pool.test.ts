import { AsyncLocalStorage } from 'node:async_hooks';
import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { connectivityState, credentials, Metadata, propagate, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { explain, type ChannelFactory } from '@grpc-manifold/core';
import type { ParentCall } from '@grpc-manifold/core/internal';
import {
  ClientCall,
  NOTHING_LEFT,
  SCRIPTED_TARGET as TARGET,
  ScriptedChannel,
  ScriptedScenes,
  settled,
  UncaughtExceptions,
  type FakeClock,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from './channel-pool.js';
import type { ChannelPoolOptions } from './options/options.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState;

type Scene = ScriptedScene<ChannelPool>;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(TARGET, credentials.createInsecure(), options, environment),
);

/** A pool with one connection of two streams, ready and idle. */
async function setUpSmall(options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ maxChannels: 1, maxStreamsPerChannel: 2, ...options });
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  return scene;
}

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

describe('ChannelPool', () => {
  describe('its constructor', () => {
    it('connects to nothing', () => {
      const { channels, clock, pool } = setUp();
      expect(channels.map((channel) => channel.state)).toEqual([IDLE]);
      expect(clock.pendingTimers).toBe(0);
      expect(pool.stats()).toMatchObject({ target: TARGET, state: 'IDLE', channels: [], streamCapacity: 0 });
    });

    it.each([
      ['a target that is no string', 5, credentials.createInsecure(), {}, /target must be a string, got 5/],
      ['no target', undefined, credentials.createInsecure(), {}, /target must be a string, got undefined/],
      ['no credentials', TARGET, undefined, {}, /credentials must be ChannelCredentials/],
      ['credentials of a wrong type', TARGET, 'insecure', {}, /credentials must be ChannelCredentials/],
      [
        'a wrong option',
        TARGET,
        credentials.createInsecure(),
        { maxChannels: 0 },
        /maxChannels .* from 1 to 1000, got 0/,
      ],
      [
        'a service config with hedging',
        TARGET,
        credentials.createInsecure(),
        { channelOptions: { 'grpc.service_config': '{"methodConfig":[{"hedgingPolicy":{}}]}' } },
        /hedgingPolicy/,
      ],
    ])('refuses %s', (_what, target, creds, options, words) => {
      expect(() => new ChannelPool(target as string, creds as never, options)).toThrow(words);
      expect(diagnosticsChannel('net.client.socket').hasSubscribers).toBe(false);
    });

    it('throws what the channel factory throws, and leaves nothing behind', () => {
      const channelFactory = (): never => {
        throw new Error('no such target');
      };
      expect(() => new ChannelPool(TARGET, credentials.createInsecure(), { channelFactory })).toThrow('no such target');
      expect(diagnosticsChannel('net.client.socket').hasSubscribers).toBe(false);
    });

    it('asks the channel factory once whether it can make channels, with what these are made of', async () => {
      const checked: unknown[][] = [];
      const made: unknown[][] = [];
      const make: ChannelFactory = (target, given, options, { id }) => {
        made.push([target, given, options]);
        return new ScriptedChannel(id);
      };
      const check: ChannelFactory['check'] = (...args) => void checked.push(args);
      const given = credentials.createInsecure();
      await using pool = new ChannelPool(TARGET, given, {
        channelOptions: { 'grpc.primary_user_agent': 'x' },
        channelFactory: Object.assign(make, { check }),
      });
      pool.getConnectivityState(true);
      expect(checked).toEqual([[TARGET, given, expect.objectContaining({ 'grpc.primary_user_agent': 'x' })]]);
      expect(checked[0]?.[2]).toMatchObject({ 'grpc.use_local_subchannel_pool': 1 });
      expect(made).toMatchObject([[TARGET, given, { 'grpc.primary_user_agent': 'x' }]]);
    });

    it('throws what the channel factory finds wrong, before it has made a channel', () => {
      const make = vi.fn<ChannelFactory>();
      const check = (): never => {
        throw new TypeError('these credentials cannot be taken along');
      };
      const channelFactory = Object.assign(make, { check });
      expect(() => new ChannelPool(TARGET, credentials.createInsecure(), { channelFactory })).toThrow(
        'these credentials cannot be taken along',
      );
      expect(make).not.toHaveBeenCalled();
    });
  });

  describe('opening connections', () => {
    it('begins with the first call, which waits for it', async () => {
      const { call, channel, pool } = setUp();
      const first = call();
      expect(channel(1).state).toBe(CONNECTING);
      expect(pool.stats()).toMatchObject({ queuedCalls: 1, inFlightCalls: 0, state: 'CONNECTING' });
      channel(1).become(READY);
      expect(pool.stats()).toMatchObject({ queuedCalls: 0, inFlightCalls: 1, state: 'READY' });
      (channel(1).calls[0] as ScriptedCall).end();
      expect(first.code).toBe('OK');
      await settled();
    });

    it('hands out waiting calls in the order in which they came', () => {
      const { call, channel, create } = setUp({ maxStreamsPerChannel: 3, maxChannels: 1 });
      for (let index = 0; index < 6; index += 1) {
        const metadata = new Metadata();
        metadata.set('index', `${index}`);
        create().start(metadata);
        call().call.cancelWithStatus(status.CANCELLED, 'one that leaves the line');
      }
      channel(1).become(READY);
      const order: number[] = [];
      for (let turn = 0; turn < 6; turn += 1) {
        const running = channel(1).running[0] as ScriptedCall;
        order.push(Number(running.metadata?.get('index')[0]));
        running.end();
      }
      expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    });

    it('goes on to minChannels, one at a time, when the first call has come', async () => {
      const { call, channels, pool } = setUp({ minChannels: 3 });
      call();
      for (const opened of [1, 2, 3]) {
        await settled();
        expect(channels.filter((channel) => channel.state === CONNECTING)).toHaveLength(1);
        expect(channels).toHaveLength(opened);
        (channels[opened - 1] as ScriptedChannel).become(READY);
      }
      await settled();
      expect(channels).toHaveLength(3);
      expect(pool.stats().channels.map(({ id, state }) => `${id} ${state}`)).toEqual(['1 ready', '2 ready', '3 ready']);
    });

    it('opens another at growAtRatio, and no more than maxChannels', async () => {
      const { allReady, call, channels, pool } = setUp({ maxChannels: 3, maxStreamsPerChannel: 10, growAtRatio: 0.5 });
      pool.getConnectivityState(true);
      await allReady();
      for (let count = 0; count < 4; count += 1) call();
      await allReady();
      expect(channels).toHaveLength(1);
      call();
      await allReady();
      expect(channels).toHaveLength(2);
      for (let count = 0; count < 30; count += 1) call();
      await allReady();
      expect(channels).toHaveLength(3);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 30, queuedCalls: 5, streamCapacity: 30 });
    });

    it('tells why it grows, with the numbers', async () => {
      const { allReady, call, pool } = setUp({ maxStreamsPerChannel: 2 });
      const decisions: unknown[] = [];
      pool.onScale(({ from, to, reason, queuedCalls }) => decisions.push([from, to, reason, queuedCalls]));
      for (let count = 0; count < 3; count += 1) call();
      await allReady();
      expect(decisions.slice(0, 2)).toEqual([
        [0, 1, 'fewer than minChannels 1', 0],
        [1, 2, '2 of 2 streams in use, 1 calls wait (growAtRatio 0.9)', 1],
      ]);
    });

    it('spreads a burst over all connections', async () => {
      const { allReady, call, channels, pool } = setUp({ minChannels: 4, maxChannels: 4 });
      pool.getConnectivityState(true);
      await allReady();
      for (let count = 0; count < 40; count += 1) call();
      expect(channels.map((channel) => channel.running.length)).toEqual([10, 10, 10, 10]);
    });

    it('fails an attempt that is not ready within connectTimeoutMs', async () => {
      const { call, channel, clock, pool } = setUp({ connectTimeoutMs: 500 });
      const changes: string[] = [];
      pool.onChannelStateChange(({ id, from, to, fault }) => changes.push(`${id} ${from} ${to} ${fault?.tag ?? '-'}`));
      const waiting = call();
      clock.advance(500);
      await settled();
      expect(waiting.code).toBe('UNAVAILABLE');
      expect(explain(waiting.ending)).toMatchObject({
        refusedBy: 'no-connection',
        fault: { tag: 'connect-timeout' },
        lastConnectionError: 'not ready within connectTimeoutMs 500',
      });
      expect(channel(1).isClosed).toBe(true);
      expect(changes).toEqual(['1 connecting failed connect-timeout', '1 failed closed -']);
    });
  });

  describe('with nothing but 40 streams and room for 5', () => {
    it('carries 40 of 50 calls, lets 5 wait, and sheds 5 by name and numbers', async () => {
      const scene = setUp({
        minChannels: 4,
        maxChannels: 4,
        maxStreamsPerChannel: 10,
        queue: { maxQueuedCalls: 5 },
      });
      const { allReady, call, channels, pool } = scene;
      const shed: string[] = [];
      pool.onShed((report) => shed.push(`${report.call.method} ${report.explanation.refusedBy}`));
      pool.getConnectivityState(true);
      await allReady();
      const calls = Array.from({ length: 50 }, () => call());
      expect(calls.every((each) => each.statuses.length === 0)).toBe(true);
      await settled();
      expect(channels.map((channel) => channel.running.length)).toEqual([10, 10, 10, 10]);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 40, queuedCalls: 5, shedCalls: 5, startedCalls: 50 });
      const refused = calls.filter((each) => each.statuses.length > 0);
      expect(refused).toEqual(calls.slice(45));
      for (const each of refused) {
        expect(each.code).toBe('RESOURCE_EXHAUSTED');
        expect(each.ending.details).toBe(
          'Refused before it was sent, queue-full: 5 calls wait (maxQueuedCalls 5); 40 calls in flight, 5 queued',
        );
        expect(explain(each.ending)).toMatchObject({
          refusedBy: 'queue-full',
          limit: 5,
          inFlightCalls: 40,
          queuedCalls: 5,
        });
      }
      expect(shed).toEqual(Array(5).fill('/echo.Echo/Call queue-full'));
    });

    it('lets as many more wait as there will be streams for, while connections are being opened', async () => {
      const { allReady, call, channels, pool } = setUp({
        maxChannels: 4,
        maxStreamsPerChannel: 10,
        queue: { maxQueuedCalls: 5 },
      });
      const calls = Array.from({ length: 50 }, () => call());
      expect(pool.stats()).toMatchObject({ queuedCalls: 45, inFlightCalls: 0, shedCalls: 5 });
      await allReady();
      expect(channels.map((channel) => channel.running.length)).toEqual([10, 10, 10, 10]);
      expect(pool.stats()).toMatchObject({ queuedCalls: 5, inFlightCalls: 40, shedCalls: 5 });
      expect(calls.filter((each) => each.statuses.length > 0)).toEqual(calls.slice(45));
    });

    it('lets no more wait than it may while no connection can be had', async () => {
      const { call, channel, pool } = setUp({ queue: { maxQueuedCalls: 2 } });
      const first = call({ waitForReady: true });
      channel(1).become(TRANSIENT_FAILURE);
      await settled();
      const calls = [call({ waitForReady: true }), call({ waitForReady: true })];
      await settled();
      expect(pool.stats()).toMatchObject({ state: 'TRANSIENT_FAILURE', queuedCalls: 2 });
      expect([first, ...calls].map((each) => each.events.join())).toEqual(['', '', 'RESOURCE_EXHAUSTED']);
    });

    it('counts the bytes of waiting calls, and sheds the call that is too much', async () => {
      const { call, create, pool } = await setUpSmall({ queue: { maxQueuedBytes: 10 } });
      const running = [call(), call()];
      const [small, large] = [call(), create().start()];
      small.call.sendMessageWithContext({}, Buffer.alloc(8));
      expect(pool.stats().queuedBytes).toBe(8);
      large.call.sendMessageWithContext({}, Buffer.alloc(3));
      await settled();
      expect(large.code).toBe('RESOURCE_EXHAUSTED');
      expect(explain(large.ending)).toMatchObject({ refusedBy: 'queue-bytes', limit: 10 });
      expect(pool.stats()).toMatchObject({ queuedBytes: 8, queuedCalls: 1 });
      expect([...running, small].flatMap((each) => each.statuses)).toEqual([]);
    });

    it('counts the bytes of messages that were given before the start as well', async () => {
      const { call, create, pool } = await setUpSmall({ queue: { maxQueuedBytes: 10 } });
      call();
      call();
      const waiting = create();
      waiting.call.sendMessageWithContext({}, Buffer.alloc(8));
      waiting.start();
      expect(pool.stats()).toMatchObject({ queuedCalls: 1, queuedBytes: 8 });
    });

    it('sheds a call that has waited maxQueueTimeMs', async () => {
      const { call, clock } = await setUpSmall({ queue: { maxQueueTimeMs: 50 } });
      call();
      call();
      const waiting = call();
      clock.advance(49);
      await settled();
      expect(waiting.statuses).toEqual([]);
      clock.advance(1);
      await settled();
      expect(waiting.code).toBe('RESOURCE_EXHAUSTED');
      expect(explain(waiting.ending)).toMatchObject({ refusedBy: 'queue-time', limit: 50, queueWaitMs: 50 });
    });

    it('holds the process while a call waits, and only then', async () => {
      const { call, channel, clock } = await setUpSmall();
      call();
      call();
      expect(clock.refdTimers).toBe(0);
      call();
      expect(clock.refdTimers).toBe(1);
      (channel(1).running[0] as ScriptedCall).end();
      expect(clock.refdTimers).toBe(0);
    });
  });

  describe('a call', () => {
    it('carries its operations to the connection in order, also when it waited', () => {
      const { call, channel } = setUp();
      const waiting = call();
      waiting.call.startRead();
      for (const text of ['a', 'b', 'c']) waiting.call.sendMessageWithContext({}, Buffer.from(text));
      waiting.call.halfClose();
      channel(1).become(READY);
      const inner = channel(1).calls[0] as ScriptedCall;
      expect([inner.reading, inner.messages.join(''), inner.halfClosed]).toEqual([1, 'abc', true]);
      inner.send();
      inner.send('reply');
      inner.end();
      expect(waiting.events).toEqual(['metadata', 'message reply', 'OK']);
    });

    it('has its deadline as a header, and neither deadline nor parent of its own on the connection', async () => {
      const { channel, clock, create } = await setUpSmall();
      const metadata = new Metadata();
      metadata.set('key', 'value');
      const parent = Object.assign(new EventEmitter(), { cancelled: false, getDeadline: () => Infinity });
      const parentCall = parent as unknown as ParentCall;
      create({ deadline: clock.now() + 250, parent: parentCall, host: 'other.example.com' }).start(metadata);
      const inner = channel(1).calls[0] as ScriptedCall;
      expect(inner.metadata?.getMap()).toEqual({ key: 'value', 'grpc-timeout': '250m' });
      expect(metadata.getMap()).toEqual({ key: 'value' });
      expect([inner.deadline, inner.parent, inner.host]).toEqual([Infinity, null, 'other.example.com']);
    });

    it('has only the time that is left when it waited', () => {
      const { call, channel, clock } = setUp();
      call({ deadline: clock.now() + 1_000 });
      clock.advance(400);
      channel(1).become(READY);
      expect(channel(1).calls[0]?.metadata?.get('grpc-timeout')).toEqual(['600m']);
    });

    it.each([
      ['a number', (ms: number) => ms],
      ['a Date', (ms: number) => new Date(ms)],
    ])('ends at its deadline while it waits, %s', async (_what, at) => {
      const { call, clock, pool } = setUp();
      const waiting = call({ deadline: at(clock.now() + 100) });
      clock.advance(100);
      expect(waiting.statuses).toEqual([]);
      await settled();
      expect(waiting.code).toBe('DEADLINE_EXCEEDED');
      expect(waiting.ending.details).toBe(
        'Deadline exceeded after 0.100s,waiting for a connection: none is ready yet; waited 100 ms, never sent',
      );
      expect(explain(waiting.ending)).toEqual({
        queueWaitMs: 100,
        neverSent: true,
        waitedFor: 'connection',
        from: 'object',
      });
      expect(pool.stats()).toMatchObject({ queuedCalls: 0, failedCalls: 1 });
    });

    it('says that it was never sent when its deadline passes while it waits for a full connection', async () => {
      const { call, clock } = await setUpSmall();
      for (let count = 0; count < 2; count += 1) call();
      const waiting = call({ deadline: clock.now() + 100 });
      clock.advance(100);
      await settled();
      expect(waiting.ending.details).toBe(
        'Deadline exceeded after 0.100s,waiting for a stream: 2 of 2 in use, ' +
          'limit 2 a connection by maxStreamsPerChannel; waited 100 ms, never sent',
      );
      expect(explain(waiting.ending)).toEqual({
        queueWaitMs: 100,
        neverSent: true,
        waitedFor: 'stream',
        usedStreams: 2,
        streamCapacity: 2,
        limit: 2,
        limitedBy: 'maxStreamsPerChannel',
        from: 'object',
      });
    });

    it('says that it was never sent when it is cancelled while it waits', async () => {
      const { call } = await setUpSmall();
      for (let count = 0; count < 2; count += 1) call();
      const waiting = call();
      waiting.call.cancelWithStatus(status.CANCELLED, 'no more');
      await settled();
      expect(explain(waiting.ending)).toMatchObject({ neverSent: true, waitedFor: 'stream', usedStreams: 2 });
    });

    it('says why there is no connection when its deadline passes while it waits for one', async () => {
      const { call, channel, clock } = setUp();
      const waiting = call({ deadline: clock.now() + 100, waitForReady: true });
      channel(1).become(TRANSIENT_FAILURE);
      await settled();
      clock.advance(100);
      await settled();
      expect(waiting.ending.details).toMatch(
        /^Deadline exceeded after 0\.100s,waiting for a connection: .*scripted failure of 1; waited 100 ms, never sent$/,
      );
      expect(explain(waiting.ending)).toMatchObject({
        neverSent: true,
        waitedFor: 'connection',
        lastConnectionError: 'scripted failure of 1',
      });
    });

    it('says of a call that went well which connection carried it', async () => {
      const { call, channel } = await setUpSmall();
      const answered = call();
      (channel(1).calls[0] as ScriptedCall).end();
      expect(explain(answered.ending)).toEqual({ channelId: 1, from: 'object' });
    });

    it('ends later, never at once, when its deadline has passed already', async () => {
      const { call, channels, clock, pool } = setUp();
      const late = call({ deadline: clock.now() });
      expect(late.statuses).toEqual([]);
      await settled();
      expect(late.code).toBe('DEADLINE_EXCEEDED');
      expect(channels.map((channel) => channel.state)).toEqual([IDLE]);
      expect(pool.stats()).toMatchObject({ startedCalls: 1, failedCalls: 1 });
    });

    it.each([
      ['an invalid Date', new Date(NaN)],
      ['not a number', NaN],
    ])('ends at once when its deadline is %s, and is not sent', async (_what, deadline) => {
      const { call, channel, pool } = await setUpSmall();
      const ended = call({ deadline });
      expect(ended.statuses).toEqual([]);
      await settled();
      expect(ended.code).toBe('DEADLINE_EXCEEDED');
      expect(channel(1).calls).toEqual([]);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, failedCalls: 1 });
    });

    it('is ended for its caller at its deadline, and for the connection when that has shown life', async () => {
      const { call, channel, clock, pool } = await setUpSmall();
      const [ended, other] = [call({ deadline: clock.now() + 100 }), call()];
      const waiting = call();
      clock.advance(100);
      await settled();
      expect(ended.code).toBe('DEADLINE_EXCEEDED');
      expect(ended.ending.details).toBe(`Deadline exceeded after 0.100s,on connection 1 to ${TARGET}`);
      expect(explain(ended.ending)).toMatchObject({ channelId: 1 });
      expect(pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 1 });
      expect(pool.stats().channels[0]).toMatchObject({ inFlightCalls: 1, endingStreams: 1 });
      expect(channel(1).calls[0]?.cancelledWith).toMatch(/^DEADLINE_EXCEEDED/);
      (channel(1).running[0] as ScriptedCall).send('alive');
      expect(pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 0 });
      expect(pool.stats().channels[0]).toMatchObject({ endingStreams: 0 });
      expect([other, waiting].flatMap((each) => each.statuses)).toEqual([]);
    });

    it('can be cancelled before it is started, and then gets its status after the start', async () => {
      const { channels, create, pool } = setUp();
      const cancelled = create();
      cancelled.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
      await settled();
      expect(cancelled.statuses).toEqual([]);
      cancelled.start();
      expect(cancelled.statuses).toEqual([]);
      await settled();
      expect([cancelled.code, cancelled.ending.details]).toEqual(['CANCELLED', 'changed my mind']);
      expect(channels.map((channel) => channel.state)).toEqual([IDLE]);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0 });
    });

    it('takes up nothing when it is created and never started', () => {
      const { clock, create, pool } = setUp();
      create({ deadline: clock.now() + 1_000 });
      expect(pool.stats()).toMatchObject({ startedCalls: 0, queuedCalls: 0, inFlightCalls: 0 });
      expect(clock.pendingTimers).toBe(0);
    });

    it('can be cancelled while it waits', async () => {
      const { call, channel, pool } = setUp();
      const [first, second] = [call(), call()];
      first.call.cancelWithStatus(status.CANCELLED, 'enough');
      await settled();
      expect(first.code).toBe('CANCELLED');
      channel(1).become(READY);
      expect(channel(1).calls).toHaveLength(1);
      expect(pool.stats()).toMatchObject({ queuedCalls: 0, inFlightCalls: 1, cancelledCalls: 1 });
      expect(second.statuses).toEqual([]);
    });

    it('can be cancelled in flight: the caller has its status, and nothing that comes after', async () => {
      const { call, channel } = await setUpSmall();
      const cancelled = call();
      cancelled.call.cancelWithStatus(status.ABORTED, 'enough');
      (channel(1).calls[0] as ScriptedCall).send('too late');
      await settled();
      expect(cancelled.events).toEqual(['ABORTED']);
      expect(channel(1).calls[0]?.cancelledWith).toBe('ABORTED: enough');
    });

    it('ignores everything after its status, and answers writes', async () => {
      const { call, channel, pool } = await setUpSmall();
      const done = call();
      const inner = channel(1).calls[0] as ScriptedCall;
      inner.end();
      let written = 0;
      done.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from('late'));
      done.call.startRead();
      done.call.halfClose();
      done.call.cancelWithStatus(status.CANCELLED, 'late');
      inner.send('late');
      await settled();
      expect(written).toBe(1);
      expect([inner.messages, inner.reading, inner.halfClosed, inner.cancelledWith]).toEqual([[], 0, false, undefined]);
      expect(done.events).toEqual(['OK']);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, succeededCalls: 1, cancelledCalls: 0 });
    });

    it('answers the writes that it held when it is ended while it waits', async () => {
      const { call } = setUp();
      const waiting = call();
      let written = 0;
      for (const text of ['a', 'b']) {
        waiting.call.sendMessageWithContext({ callback: () => (written += 1) }, Buffer.from(text));
      }
      waiting.call.cancelWithStatus(status.CANCELLED, 'enough');
      await settled();
      expect([waiting.code, written]).toEqual(['CANCELLED', 2]);
    });

    it('keeps the status of the server, and adds on which connection it ran', async () => {
      const { call, channel } = await setUpSmall();
      const failed = call();
      (channel(1).calls[0] as ScriptedCall).end(status.NOT_FOUND, 'no such thing');
      expect([failed.code, failed.ending.details]).toEqual(['NOT_FOUND', 'no such thing']);
      expect(explain(failed.ending)).toEqual({ channelId: 1, queueWaitMs: 0, from: 'object' });
    });

    it('has given back its stream before its listener is told, although that throws', async () => {
      const { create, channel, pool } = await setUpSmall();
      const seen: unknown[] = [];
      create().start(new Metadata(), () => {
        seen.push(pool.stats().inFlightCalls, pool.stats().channels[0]?.inFlightCalls);
        throw new Error('the listener is broken');
      });
      expect(() => (channel(1).calls[0] as ScriptedCall).end()).toThrow('the listener is broken');
      expect(seen).toEqual([0, 0]);
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, succeededCalls: 1 });
    });

    it('sees the async context that it was made in, whoever admits it', async () => {
      const scene = await setUpSmall({ maxStreamsPerChannel: 1 });
      const tenants = new AsyncLocalStorage<string>();
      const seen: string[] = [];
      const calls = ['red', 'green', 'blue'].map((tenant) =>
        tenants.run(tenant, () =>
          scene.create().start(new Metadata(), () => seen.push(`${tenant} as ${tenants.getStore()}`)),
        ),
      );
      const stores: unknown[] = [];
      const { started } = ScriptedChannel.prototype;
      scene.channel(1).started = function (call) {
        stores.push(tenants.getStore());
        started.call(this, call);
      };
      calls[2]?.call.cancelWithStatus(status.CANCELLED, 'enough');
      await settled();
      tenants.run('server', () => scene.channel(1).running[0]?.end());
      expect(stores).toEqual(['green']);
      expect(seen).toEqual(['blue as blue', 'red as red']);
    });

    it('is refused without a throw when its connection does not take it', async () => {
      const { call, channel, pool } = await setUpSmall();
      channel(1).broken = new Error('broken channel');
      const refused = call();
      expect(refused.statuses).toEqual([]);
      await settled();
      expect(refused.code).toBe('UNAVAILABLE');
      expect(refused.ending.details).toContain('broken channel');
      expect(pool.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0 });
    });

    it.each([
      ['a method that is no string', 5, Infinity, 'method must be a string'],
      ['a deadline that is a string', '/a/b', '100', 'deadline must be a number or Date'],
      ['a deadline that is null', '/a/b', null, 'deadline must be a number or Date'],
    ])('cannot be made with %s', (_what, method, deadline, words) => {
      const { pool } = setUp();
      expect(() => pool.createCall(method as string, deadline as number, null, null, null)).toThrow(TypeError);
      expect(() => pool.createCall(method as string, deadline as number, null, null, null)).toThrow(words);
    });
  });

  describe('a call with a parent', () => {
    function parentOf(clock: FakeClock, inMs = Infinity) {
      const emitter = new EventEmitter();
      const parent = Object.assign(emitter, { cancelled: false, getDeadline: () => clock.now() + inMs });
      return {
        emitter,
        parent: parent as unknown as ParentCall,
        cancel: () => {
          parent.cancelled = true;
          emitter.emit('cancelled');
        },
      };
    }

    it('ends with it, waiting or in flight, and leaves no listener', async () => {
      const { call, channel, clock } = await setUpSmall({ maxStreamsPerChannel: 1 });
      const { emitter, parent, cancel } = parentOf(clock);
      const calls = [call({ parent }), call({ parent }), call({ parent })];
      expect(emitter.listenerCount('cancelled')).toBe(1);
      cancel();
      await settled();
      expect(calls.map((each) => `${each.code} ${each.ending.details}`)).toEqual(
        Array(3).fill('CANCELLED Cancelled by parent call'),
      );
      expect(emitter.listenerCount('cancelled')).toBe(0);
      expect(channel(1).calls).toHaveLength(1);
    });

    it('ends at once when that is over, and is never sent', async () => {
      const { call, channel, clock } = await setUpSmall();
      const { parent, cancel } = parentOf(clock);
      cancel();
      const late = call({ parent });
      await settled();
      expect(late.code).toBe('CANCELLED');
      expect(channel(1).calls).toEqual([]);
    });

    it('leaves no listener however it ends, 1,000 times', async () => {
      const { call, channel, clock } = await setUpSmall({ queue: { maxQueuedCalls: 0 } });
      const { emitter, parent } = parentOf(clock);
      for (let count = 0; count < 1_000; count += 1) {
        const child = call({ parent });
        if (count % 2 === 0) channel(1).running[0]?.end();
        else {
          child.call.cancelWithStatus(status.CANCELLED, 'enough');
          (channel(1).calls.at(-1) as ScriptedCall).send();
        }
      }
      await settled();
      expect(emitter.listenerCount('cancelled')).toBe(0);
    });

    it('has its deadline where that is earlier', async () => {
      const { call, channel, clock } = await setUpSmall();
      const { parent } = parentOf(clock, 100);
      call({ parent, deadline: clock.now() + 500 });
      call({ parent, deadline: clock.now() + 50 });
      expect(channel(1).calls.map((each) => each.metadata?.get('grpc-timeout'))).toEqual([['100m'], ['50m']]);
    });

    it.each([
      ['nothing', 0, [], ''],
      ['the deadline only', propagate.DEADLINE, ['100m'], ''],
      ['the cancellation only', propagate.CANCELLATION, [], 'CANCELLED'],
      ['the defaults', propagate.DEFAULTS, ['100m'], 'CANCELLED'],
    ])('takes over %s, as its flags say', async (_what, flags, timeout, events) => {
      const { call, channel, clock } = await setUpSmall();
      const { parent, cancel } = parentOf(clock, 100);
      const child = call({ parent, flags });
      cancel();
      await settled();
      expect(channel(1).calls[0]?.metadata?.get('grpc-timeout')).toEqual(timeout);
      expect(child.events.join()).toBe(events);
    });
  });

  describe('without a connection', () => {
    it('tells ordinary calls why, and lets others wait for it', async () => {
      const { allReady, call, channel, clock, pool } = setUp();
      const [ordinary, patient] = [call(), call({ waitForReady: true })];
      channel(1).become(TRANSIENT_FAILURE);
      await settled();
      expect(ordinary.code).toBe('UNAVAILABLE');
      expect(explain(ordinary.ending)).toMatchObject({
        refusedBy: 'no-connection',
        lastConnectionError: 'scripted failure of 1',
        fault: { tag: 'connect-failed' },
      });
      expect(patient.statuses).toEqual([]);
      expect(pool.stats()).toMatchObject({ state: 'TRANSIENT_FAILURE', queuedCalls: 1, shedCalls: 1 });
      const late = call();
      expect(late.statuses).toEqual([]);
      await settled();
      expect(late.code).toBe('UNAVAILABLE');
      clock.advance(1_200);
      await allReady();
      expect(pool.stats()).toMatchObject({ state: 'READY', queuedCalls: 0, inFlightCalls: 1 });
    });

    it('tries again after a backoff, and not before', async () => {
      const { call, channel, channels, clock } = setUp();
      const patient = call({ waitForReady: true });
      for (const [attempt, leastMs, mostMs] of [
        [1, 800, 1_200],
        [2, 1_280, 1_920],
        [3, 2_048, 3_072],
      ] as const) {
        channel(attempt).become(TRANSIENT_FAILURE);
        await settled();
        clock.advance(leastMs - 1);
        await settled();
        expect(channels).toHaveLength(attempt);
        clock.advance(mostMs - leastMs + 1);
        await settled();
        expect(channels).toHaveLength(attempt + 1);
      }
      expect(patient.statuses).toEqual([]);
    });

    it('replaces a connection that is lost', async () => {
      const { allReady, call, channel, channels, clock, pool } = await setUpSmall();
      const dropped = call();
      clock.advance(5_000);
      channel(1).lose();
      expect(dropped.code).toBe('UNAVAILABLE');
      await allReady();
      expect(channels).toHaveLength(2);
      expect(channel(1).isClosed).toBe(true);
      expect(pool.stats().channels.map(({ id, state }) => `${id} ${state}`)).toEqual(['2 ready']);
      expect(pool.stats().lastFault?.tag).toBe('dropped');
    });

    it('does not call without pause on a server that drops what it accepts', async () => {
      const { call, channel, channels, clock } = setUp();
      // However long the pool stood idle before: what counts is how long the connection lasted.
      clock.advance(60_000);
      call({ waitForReady: true });
      channel(1).become(READY);
      clock.advance(10);
      channel(1).lose();
      await settled();
      expect(channels).toHaveLength(1);
      clock.advance(1_200);
      await settled();
      expect(channels).toHaveLength(2);
    });

    it('goes on when the factory fails to make another channel', async () => {
      const scene = setUp({ maxStreamsPerChannel: 1 }, (id) => {
        if (id === 2) throw new Error('no second channel');
        return new ScriptedChannel(id);
      });
      const calls = [scene.call(), scene.call()];
      await scene.allReady();
      expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 1, state: 'READY' });
      expect(scene.pool.stats().lastFault).toEqual({ tag: 'connect-failed', detail: 'Error: no second channel' });
      scene.clock.advance(1_200);
      await scene.allReady();
      expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 0 });
      expect(calls.flatMap((each) => each.statuses)).toEqual([]);
    });
  });

  describe('connections that drain', () => {
    it('take no new calls and are closed with the last one', async () => {
      const { allReady, call, channel, clock, pool } = await setUpSmall();
      const running = call();
      clock.advance(5_000);
      channel(1).become(IDLE);
      await allReady();
      const next = call();
      expect(channel(2).running).toHaveLength(1);
      expect(pool.stats().channels.map(({ id, state }) => `${id} ${state}`)).toEqual(['1 draining', '2 ready']);
      (channel(1).running[0] as ScriptedCall).end();
      expect(running.code).toBe('OK');
      await settled();
      expect(channel(1).isClosed).toBe(true);
      expect(next.statuses).toEqual([]);
    });

    it('do not cost another its calls by being lost while nothing runs on them', async () => {
      const scene = setUp({ minChannels: 2, maxChannels: 2, maxDrainingChannels: 1 });
      const { allReady, call, channel, clock, pool } = scene;
      pool.getConnectivityState(true);
      await allReady();
      const calls = [call(), call()];
      (channel(2).running[0] as ScriptedCall).end();
      clock.advance(5_000);
      channel(1).become(IDLE);
      channel(2).lose();
      await settled();
      expect(calls.flatMap((each) => each.statuses)).toHaveLength(1);
      expect(pool.stats().inFlightCalls).toBe(1);
    });
  });

  describe('a connection that has fallen silent while calls ended on it', () => {
    it('gets no more calls and is replaced', async () => {
      const { allReady, call, channel, clock, pool } = await setUpSmall();
      call();
      call({ deadline: clock.now() + 100 });
      clock.advance(5_200);
      await allReady();
      expect(pool.stats().lastFault?.tag).toBe('stalled');
      expect(pool.stats().channels.map(({ id, state }) => `${id} ${state}`)).toEqual(['1 draining', '2 ready']);
      call();
      expect(channel(2).running).toHaveLength(1);
    });

    it('is not called silent while the other end answers', async () => {
      const { call, channel, clock, pool } = await setUpSmall();
      call();
      for (let turn = 0; turn < 5; turn += 1) {
        call({ deadline: clock.now() + 100 });
        clock.advance(1_000);
        (channel(1).running[0] as ScriptedCall).send('alive');
      }
      await settled();
      expect(pool.stats().channels.map(({ id, state, endingStreams }) => [id, state, endingStreams])).toEqual([
        [1, 'ready', 0],
      ]);
    });

    it('takes the status of a call for a sign of life', async () => {
      const { call, channel, clock, pool } = await setUpSmall();
      const ended = call({ deadline: clock.now() + 100 });
      call();
      clock.advance(100);
      await settled();
      expect(ended.code).toBe('DEADLINE_EXCEEDED');
      (channel(1).running[0] as ScriptedCall).end();
      expect(pool.stats().channels[0]).toMatchObject({ inFlightCalls: 0, endingStreams: 0 });
    });
  });

  describe('a storm of endings', () => {
    it.each(['deadlines', 'cancels'])('of %s reaches a connection no faster than its budget', async (kind) => {
      const { call, channel, clock, pool } = await setUpSmall({ maxStreamsPerChannel: 1_000 });
      const deadline = kind === 'deadlines' ? clock.now() + 100 : Infinity;
      const bystander = call();
      const calls = Array.from({ length: 999 }, (_, index) => {
        // A connection gets 100 calls beyond its last sign of life, and no more (docs/decisions/0006).
        if (index % 50 === 0) channel(1).calls[0]?.send();
        return call({ deadline });
      });
      if (kind === 'deadlines') clock.advance(100);
      else for (const each of calls) each.call.cancelWithStatus(status.CANCELLED, 'enough');
      await settled();
      expect(new Set(calls.map((each) => each.code)).size).toBe(1);
      const reset = (): number => channel(1).calls.filter((each) => each.cancelledWith !== undefined).length;
      expect(reset()).toBeLessThanOrEqual(803);
      expect(pool.stats().channels[0]).toMatchObject({ inFlightCalls: 1, endingStreams: 999 });
      for (let second = 0; second < 9; second += 1) {
        const before = reset();
        clock.advance(1_000);
        (channel(1).calls[0] as ScriptedCall).send('alive');
        expect(reset() - before).toBeLessThanOrEqual(26);
      }
      expect(reset()).toBe(999);
      expect(bystander.statuses).toEqual([]);
      expect(pool.stats().channels[0]).toMatchObject({ endingStreams: 0 });
    });
  });

  describe('closing', () => {
    it('lets calls in flight and waiting calls finish, and refuses new ones later', async () => {
      const { call, channel, clock, pool } = await setUpSmall({ maxStreamsPerChannel: 1 });
      const [running, waiting] = [call(), call()];
      const drained = pool.drain();
      expect(pool.getConnectivityState(false)).toBe(SHUTDOWN);
      const late = call();
      expect(late.statuses).toEqual([]);
      await settled();
      expect(late.code).toBe('UNAVAILABLE');
      expect(explain(late.ending)?.refusedBy).toBe('closed');
      expect(running.statuses).toEqual([]);
      (channel(1).running[0] as ScriptedCall).end();
      clock.advance(300);
      (channel(1).running[0] as ScriptedCall).end();
      expect(await drained).toEqual({
        finishedCalls: 2,
        cancelledCalls: 0,
        closedChannels: 1,
        forcedSockets: 0,
        durationMs: 300,
      });
      expect([running.code, waiting.code]).toEqual(['OK', 'OK']);
    });

    it('cancels what is left when the time is up', async () => {
      const { call, channel, clock, pool } = await setUpSmall({ maxStreamsPerChannel: 1, drainTimeoutMs: 200 });
      const [running, waiting] = [call(), call()];
      const drained = pool.drain();
      clock.advance(199);
      await settled();
      expect(running.statuses).toEqual([]);
      clock.advance(1);
      expect(await drained).toMatchObject({ finishedCalls: 0, cancelledCalls: 2 });
      await settled();
      expect([running.code, waiting.code]).toEqual(['CANCELLED', 'UNAVAILABLE']);
      expect(explain(waiting.ending)?.refusedBy).toBe('closed');
      expect(channel(1).calls).toHaveLength(1);
      expect(channel(1).isClosed).toBe(true);
    });

    it('is one drain however often it is asked for', async () => {
      const { call, pool } = await setUpSmall();
      call();
      const first = pool.drain({ timeoutMs: Infinity });
      expect(pool.drain()).toBe(first);
      pool.close();
      expect(pool.destroy()).toBe(first);
      expect(await first).toMatchObject({ cancelledCalls: 1 });
    });

    it.each([
      [{ timeoutMs: -1 }, RangeError, 'drain: timeoutMs must be a number of at least 0, or Infinity, got -1'],
      [{ timeoutMs: '5' }, TypeError, `drain: timeoutMs must be a number of at least 0, or Infinity, got '5'`],
      [{ timeout: 5 }, TypeError, `drain: unknown option 'timeout'; known are timeoutMs`],
    ])('is refused with %j, and leaves the pool open', (options, kind, words) => {
      const { pool } = setUp();
      expect(() => void pool.drain(options as { timeoutMs: number })).toThrow(kind);
      expect(() => void pool.drain(options as { timeoutMs: number })).toThrow(words);
      expect(pool.getConnectivityState(false)).toBe(IDLE);
    });

    it('opens nothing again, not even when it is asked to connect', async () => {
      const { channels, pool } = await setUpSmall();
      await pool.destroy();
      expect(pool.getConnectivityState(true)).toBe(SHUTDOWN);
      await settled();
      expect(channels).toHaveLength(1);
      expect(() => pool.watchConnectivityState(READY, Infinity, () => undefined)).toThrow('Channel has been shut down');
    });

    it('ends an attempt that is under way, and its timers', async () => {
      const { call, channel, clock, pool } = setUp();
      const waiting = call();
      await pool.destroy('the test is over');
      await settled();
      expect(waiting.code).toBe('UNAVAILABLE');
      expect(waiting.ending.details).toContain('the test is over');
      expect(channel(1).isClosed).toBe(true);
      expect(clock.pendingTimers).toBe(0);
    });

    it.each([
      ['drain', 'OK'],
      ['cancel', 'CANCELLED'],
    ] as const)('by disposing does what onDispose says: %s', async (onDispose, code) => {
      const { call, channel, pool } = await setUpSmall({ onDispose });
      const running = call();
      const disposed = pool[Symbol.asyncDispose]();
      await settled();
      channel(1).running[0]?.end();
      await disposed;
      expect(running.code).toBe(code);
    });
  });

  describe('shared by several clients', () => {
    it('loses only the calls of the one that is closed', async () => {
      const { call, channel, pool } = await setUpSmall({ onDispose: 'cancel' });
      const shared = pool.share();
      const own = new ClientCall(shared.createCall('/echo.Echo/Call', Infinity, null, null, null)).start();
      const other = call();
      await shared[Symbol.asyncDispose]();
      await settled();
      expect(own.code).toBe('CANCELLED');
      expect(other.statuses).toEqual([]);
      expect(shared.getConnectivityState(true)).toBe(SHUTDOWN);
      expect(pool.getConnectivityState(false)).toBe(READY);
      const late = new ClientCall(shared.createCall('/echo.Echo/Call', Infinity, null, null, null)).start();
      await settled();
      expect(late.code).toBe('UNAVAILABLE');
      expect(late.ending.details).toContain('the client is closed');
      expect(channel(1).isClosed).toBe(false);
    });
  });

  describe('those who watch', () => {
    it('may throw, and touch no call', async () => {
      using uncaught = new UncaughtExceptions();
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning);
      process.on('warning', onWarning);
      const { allReady, call, channel, channels, clock, pool } = setUp({
        maxChannels: 1,
        maxStreamsPerChannel: 1,
        queue: { maxQueuedCalls: 0 },
      });
      const broken = (): never => {
        throw new Error('the watcher is broken');
      };
      pool.onScale(broken);
      pool.onShed(broken);
      pool.onChannelStateChange(broken);
      pool.watchConnectivityState(IDLE, Infinity, broken);
      const [waiting, shed] = [call(), call()];
      pool.watchConnectivityState(CONNECTING, Infinity, broken);
      await allReady();
      expect(pool.stats()).toMatchObject({ state: 'READY', inFlightCalls: 1 });
      expect(shed.code).toBe('RESOURCE_EXHAUSTED');
      clock.advance(5_000);
      channel(1).lose();
      expect(waiting.code).toBe('UNAVAILABLE');
      await allReady();
      expect(channels).toHaveLength(2);
      process.off('warning', onWarning);
      expect(new Set(warnings.map((warning) => warning.name))).toEqual(new Set(['GrpcManifoldWarning']));
      // What a callback of grpc-js's own throws is the process's, as with a plain client.
      await uncaught.until(2);
    });

    it('get a frozen snapshot', async () => {
      const { call, pool } = await setUpSmall();
      call();
      const stats = pool.stats();
      expect(Object.isFrozen(stats)).toBe(true);
      expect(Object.isFrozen(stats.channels)).toBe(true);
      expect(Object.isFrozen(stats.channels[0])).toBe(true);
      expect(stats.channels[0]).toMatchObject({ id: 1, state: 'ready', inFlightCalls: 1, maxConcurrentStreams: 2 });
    });

    it('see how old a connection is, and how long it had nothing to do', async () => {
      const { call, channel, clock, pool } = await setUpSmall();
      clock.advance(100);
      call();
      clock.advance(50);
      expect(pool.stats().channels[0]).toMatchObject({ ageMs: 150, idleMs: 0 });
      (channel(1).running[0] as ScriptedCall).end();
      clock.advance(30);
      expect(pool.stats().channels[0]).toMatchObject({ ageMs: 180, idleMs: 30 });
    });
  });
});
