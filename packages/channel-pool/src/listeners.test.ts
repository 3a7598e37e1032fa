import { connectivityState, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { NOTHING_LEFT, SCRIPTED_TARGET, ScriptedScenes, settled, type ClientCall } from '@grpc-manifold/testing';
import { ChannelPool } from './channel-pool.js';
import type { ChannelPoolOptions } from './options/options.js';

const { IDLE, READY } = connectivityState;
const BROKEN = 'Received RST_STREAM with code 2 (Internal server error)';

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

describe('a listener', () => {
  it('is told that a connection is ready when the pool has used it', async () => {
    const { pool, call, channel } = setUp({ maxChannels: 2, maxStreamsPerChannel: 2 });
    const seen: unknown[] = [];
    pool.onChannelStateChange(({ id, to }) => {
      const { state, inFlightCalls, queuedCalls, channels } = pool.stats();
      if (to === 'ready') seen.push([id, state, inFlightCalls, queuedCalls, channels.length]);
    });
    for (let count = 0; count < 3; count += 1) call();
    await settled();
    channel(1).become(READY);
    // The first takes two calls, and another is on its way for the third by then.
    expect(seen).toEqual([[1, 'READY', 2, 1, 1]]);
  });

  it('of onScale that changes maxChannels does not have a connection opened twice', async () => {
    const { pool, call, channels, allReady } = setUp({ maxChannels: 3, maxStreamsPerChannel: 1 });
    let decisions = 0;
    pool.onScale(() => {
      decisions += 1;
      pool.update({ maxChannels: 2 });
    });
    for (let count = 0; count < 4; count += 1) call();
    await allReady();
    expect([channels.length, decisions]).toEqual([2, 2]);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 2 });
  });

  it('that lowers maxChannels when a connection is ready leaves that many, and no call ends', async () => {
    const { pool, call, allReady } = setUp({ maxChannels: 4, maxStreamsPerChannel: 2 });
    const calls: ClientCall[] = [];
    pool.onChannelStateChange(({ to }) => {
      if (to === 'ready') pool.update({ maxChannels: 1 });
    });
    for (let count = 0; count < 6; count += 1) calls.push(call());
    await allReady();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 4, channels: [{ state: 'ready' }] });
    expect(calls.flatMap(({ statuses }) => statuses)).toEqual([]);
  });

  it('is told what follows from what it does after what has happened before', async () => {
    const { pool, call, channel, allReady } = setUp({ minChannels: 3, maxChannels: 3 });
    const told: string[] = [];
    pool.onChannelStateChange(({ id, to }) => {
      if (id === 1 && to === 'draining') pool.update({ minChannels: 0, maxChannels: 1 });
    });
    pool.onChannelStateChange(({ id, from, to }) => told.push(`${id} ${from} → ${to}`));
    call();
    await allReady();
    told.length = 0;
    channel(1).become(IDLE);
    await settled();
    expect(told).toEqual(['1 ready → draining', '2 ready → draining', '2 draining → closed']);
  });

  const happenings = ['ready', 'draining', 'failed', 'closed', 'scale', 'shed', 'connectivity'] as const;
  const deeds = ['update', 'drain', 'destroy', 'close', 'call'] as const;
  const cases = happenings.flatMap((happening) => deeds.map((deed) => ({ happening, deed })));

  it.each(cases)('may $deed the pool when it is told of $happening', async ({ happening, deed }) => {
    const scene = setUp({ minChannels: 2, maxChannels: 3, maxStreamsPerChannel: 2, queue: { maxQueuedCalls: 2 } });
    const { pool, call, channel, channels, clock, allReady } = scene;
    const calls: ClientCall[] = [];
    let deeds = 0;
    const act = (): void => {
      deeds += 1;
      if (deeds > 5) return;
      if (deed === 'update') pool.update({ minChannels: 1, maxChannels: 1 + (deeds % 2) });
      else if (deed === 'drain') void pool.drain({ timeoutMs: 1 });
      else if (deed === 'destroy') void pool.destroy();
      else if (deed === 'close') pool.close();
      else calls.push(call({ deadline: clock.now() + 1_000 }));
    };
    if (happening === 'scale') pool.onScale(act);
    else if (happening === 'shed') pool.onShed(act);
    else if (happening === 'connectivity') pool.watchConnectivityState(IDLE, Infinity, act);
    else pool.onChannelStateChange(({ to }) => to === happening && act());

    for (let count = 0; count < 10; count += 1) calls.push(call({ deadline: clock.now() + 1_000 }));
    await allReady();
    // One breaks its streams and is ejected, one says GOAWAY, one is lost.
    for (let round = 0; round < 5; round += 1) {
      channels[1]?.running[0]?.end(status.INTERNAL, BROKEN);
      calls.push(call({ deadline: clock.now() + 1_000 }));
    }
    channel(1).become(IDLE);
    channels[2]?.lose();
    await allReady();
    clock.advance(2_000);
    await allReady();
    await pool.destroy();
    await settled();
    expect(deeds).toBeGreaterThan(0);
    expect(calls.map(({ statuses }) => statuses.length)).toEqual(calls.map(() => 1));
    const { startedCalls, succeededCalls, failedCalls, shedCalls, cancelledCalls } = pool.stats();
    expect(succeededCalls + failedCalls + shedCalls + cancelledCalls).toBe(startedCalls);
  });
});
