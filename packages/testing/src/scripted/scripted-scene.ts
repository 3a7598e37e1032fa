import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectivityState, Metadata, type ChannelInterface } from '@grpc/grpc-js';
import type { ChannelFactory } from '@grpc-manifold/core';
import type { Random } from '@grpc-manifold/core/internal';
import { ClientCall } from '../scenes/client-call.js';
import { FakeClock } from '../clock/fake-clock.js';
import { ScriptedChannel } from './scripted-channel.js';
import { seededRandom } from '../clock/seeded-random.js';

/** Waits until work that was deferred to later turns of the event loop is done. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

/** Options of a call in a scene. */
export interface SceneCallOptions {
  readonly method?: string;
  readonly deadline?: Date | number;
  readonly host?: string;
  readonly parent?: Parameters<ChannelInterface['createCall']>[3];
  readonly flags?: number;
  readonly waitForReady?: boolean;
  readonly metadata?: Record<string, string>;
}

/** The part of a pool that a scene uses. */
export interface ScenePool extends Pick<ChannelInterface, 'createCall'> {
  destroy(): Promise<unknown>;
  stats(): {
    readonly state: string;
    readonly channels: readonly object[];
    readonly inFlightCalls: number;
    readonly queuedCalls: number;
    readonly queuedBytes: number;
  };
}

/** The sources of time and random numbers of a pool in a scene. */
export interface SceneEnvironment {
  readonly clock: FakeClock;
  readonly random: Random;
}

/** The expected leftovers of a scene after its end. */
export const NOTHING_LEFT = {
  state: 'SHUTDOWN',
  channels: [],
  inFlightCalls: 0,
  queuedCalls: 0,
  queuedBytes: 0,
  pendingTimers: 0,
  openChannels: [],
  runningCalls: 0,
  misuse: [],
  hasSubscribers: false,
};

/** A pool above scripted channels, with a fake clock. */
export class ScriptedScene<Pool extends ScenePool> {
  readonly clock = new FakeClock();
  /** The channels in the order of their creation. */
  readonly channels: ScriptedChannel[] = [];
  readonly pool: Pool;

  /** @param makeChannel makes a channel; may throw. */
  constructor(
    makePool: (channelFactory: ChannelFactory, environment: SceneEnvironment) => Pool,
    makeChannel = (id: number): ScriptedChannel => new ScriptedChannel(id),
  ) {
    const channelFactory: ChannelFactory = (_target, _credentials, _options, { id }) => {
      const channel = makeChannel(id);
      this.channels.push(channel);
      return channel;
    };
    this.pool = makePool(channelFactory, { clock: this.clock, random: seededRandom(1) });
  }

  /** Creates a call. */
  readonly create = (more: SceneCallOptions = {}): ClientCall => {
    const { method = '/echo.Echo/Call', deadline = Infinity, host, parent = null, flags } = more;
    return new ClientCall(this.pool.createCall(method, deadline, host, parent, flags));
  };

  /** Creates and starts a call. */
  readonly call = (more: SceneCallOptions = {}): ClientCall => {
    const metadata = new Metadata({ waitForReady: more.waitForReady === true });
    for (const [key, value] of Object.entries(more.metadata ?? {})) metadata.set(key, value);
    return this.create(more).start(metadata);
  };

  /** The channel with a member id, from 1. */
  readonly channel = (id: number): ScriptedChannel => this.channels[id - 1] as ScriptedChannel;

  /** Makes every connecting channel ready, until no channel is connecting. */
  readonly allReady = async (): Promise<void> => {
    for (;;) {
      await settled();
      const connecting = this.channels.filter((channel) => channel.state === connectivityState.CONNECTING);
      if (connecting.length === 0) return;
      for (const channel of connecting) channel.become(connectivityState.READY);
    }
  };

  /** Destroys the pool and returns what it left behind. Compare it with {@link NOTHING_LEFT}. */
  async remains(): Promise<typeof NOTHING_LEFT> {
    await this.pool.destroy();
    await settled();
    const { state, channels, inFlightCalls, queuedCalls, queuedBytes } = this.pool.stats();
    return {
      ...({ state, channels, inFlightCalls, queuedCalls, queuedBytes } as typeof NOTHING_LEFT),
      pendingTimers: this.clock.pendingTimers,
      openChannels: this.channels.filter((channel) => !channel.isClosed) as never[],
      runningCalls: this.channels.flatMap((channel) => channel.running).length,
      misuse: this.channels.flatMap((channel) => channel.misuse) as never[],
      hasSubscribers: diagnosticsChannel('net.client.socket').hasSubscribers,
    };
  }
}

/** Creates the scenes of a test, and ends them after it. */
export class ScriptedScenes<Options extends object, Pool extends ScenePool> {
  readonly #scenes: ScriptedScene<Pool>[] = [];

  constructor(
    private readonly makePool: (
      options: Options & { channelFactory: ChannelFactory },
      environment: SceneEnvironment,
    ) => Pool,
  ) {}

  /** Creates a scene with a pool. */
  readonly setUp = (
    options: Options = {} as Options,
    makeChannel?: (id: number) => ScriptedChannel,
  ): ScriptedScene<Pool> => {
    const scene = new ScriptedScene(
      (channelFactory, environment) => this.makePool({ channelFactory, ...options }, environment),
      makeChannel,
    );
    this.#scenes.push(scene);
    return scene;
  };

  /** Ends every scene and returns what each left behind. Compare it with {@link NOTHING_LEFT}. */
  readonly remains = async (): Promise<(typeof NOTHING_LEFT)[]> => {
    const remains = [];
    for (const scene of this.#scenes.splice(0)) remains.push(await scene.remains());
    return remains;
  };
}
