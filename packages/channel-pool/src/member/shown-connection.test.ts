import { connectivityState, credentials, type ChannelInterface } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChannelCall } from '@grpc-manifold/core';
import {
  CONNECTION,
  type ConnectedChannel,
  type Connection,
  type Goaway,
  type SessionState,
} from '@grpc-manifold/core/internal';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedChannel,
  ScriptedScenes,
  settled,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { IDLE } = connectivityState;

/** A connection of which a test says what is to be seen; its channel follows by itself. */
class TestConnection implements Connection {
  session: SessionState = 'open';
  serverLimit: number | undefined = 2;
  peer = '192.0.2.1:443';
  bytesRead = 0;
  isConnecting = false;
  goaway: Goaway | undefined;
  error: { readonly message: string } | undefined;
  nextStreamId = 7;
  closedFor: string | undefined;
  readonly asked: ((isAnswered: boolean) => void)[] = [];
  readonly questioned: { readonly call: ChannelCall; readonly streamId: number }[] = [];

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

  ping(): boolean {
    return false;
  }

  neverActedOn(call: ChannelCall, streamId: number): boolean {
    this.questioned.push({ call, streamId });
    return this.goaway !== undefined;
  }

  closeChannel(): void {
    if (this.closedFor === undefined) this.channel.close();
    this.closedFor ??= 'the channel alone';
  }

  async close(reason: string): Promise<number> {
    await Promise.resolve();
    this.closeChannel();
    this.closedFor = reason;
    return 3;
  }
}

/** A channel that shows its connection. */
class TestChannel extends ScriptedChannel implements ConnectedChannel {
  readonly [CONNECTION] = new TestConnection(this);
}

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

interface Scene extends ScriptedScene<ChannelPool> {
  readonly connection: TestConnection;
}

async function setUpReady(options: ChannelPoolOptions = {}): Promise<Scene> {
  const scene = setUp({ maxChannels: 1, ...options }, (id) => new TestChannel(id));
  scene.pool.getConnectivityState(true);
  await scene.allReady();
  return Object.assign(scene, { connection: (scene.channel(1) as TestChannel)[CONNECTION] });
}

describe('a channel that shows its connection', () => {
  it('carries as many streams as its connection says that the server allows', async () => {
    const { call, connection, pool, channel } = await setUpReady();
    for (let calls = 0; calls < 5; calls += 1) call();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 3, streamCapacity: 2 });
    expect(pool.stats().channels).toMatchObject([{ peer: connection.peer, learnedFromServer: true }]);
    connection.serverLimit = 4;
    (channel(1).running[0] as ScriptedCall).end();
    expect(pool.stats()).toMatchObject({ inFlightCalls: 4, queuedCalls: 0 });
  });

  it('is lost with the reason that its connection knows, and a call goes elsewhere that the server never acted on', async () => {
    const { call, allReady, channel, channels, connection } = await setUpReady();
    const given = call();
    connection.goaway = { code: 0, lastStreamId: 5, debugData: '' };
    connection.session = 'closing';
    channel(1).lose();
    await allReady();
    expect(connection.questioned).toMatchObject([{ streamId: 7 }]);
    expect(channels).toHaveLength(2);
    (channel(2).running[0] as ScriptedCall).end();
    expect(given.code).toBe('OK');
  });

  it('was idle when it leaves READY with its session open', async () => {
    const { channel, pool } = await setUpReady();
    const reasons: string[] = [];
    pool.onChannelStateChange(({ to, reason }) => reasons.push(`${to}: ${reason}`));
    channel(1).become(IDLE);
    await settled();
    expect(reasons).toEqual(['draining: idle', 'closed: its last call has ended']);
  });

  it('is closed by its connection, which tells how many sockets that took', async () => {
    const { connection, pool } = await setUpReady();
    expect(await pool.drain()).toMatchObject({ forcedSockets: 3 });
    expect(connection.closedFor).toBe('the pool was closed');
  });
});
