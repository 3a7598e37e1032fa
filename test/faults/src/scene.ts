import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import type { TransportFaultTag } from '@grpc-manifold/core';
import {
  type EchoClient,
  type FaultProxy,
  loadEchoPackage,
  type PeerConnection,
  type ProxiedConnection,
  type ProxiedServer,
  repeatedly,
  startFaultProxy,
} from '@grpc-manifold/testing';
import {
  ChannelPool,
  createPooledClient,
  type ChannelPoolOptions,
  type ChannelStateChange,
  type PooledClient,
} from 'grpc-manifold';
import type { Kind } from './call-kind.js';
import { directedPicker } from './directed-picker.js';
import type { Role } from './role.js';
import { ScriptedEcho } from './scripted-echo.js';
import { Signal } from './signal.js';
import { WatchedCall, type CallStart } from './watched-call.js';

/** Connections of a pool that a fault strikes. */
export const POOL_SIZE = 3;
/** The connection that meets the fault, where only one does. */
export const VICTIM = 2;
/** The others. */
export const BYSTANDERS = [1, 3] as const;

/** How a scene is set up. */
export interface SceneSetting {
  /** What serves the calls, behind a proxy. */
  readonly upstream: ProxiedServer | ScriptedEcho;
  /** More options of the pool. */
  readonly pool?: ChannelPoolOptions;
  readonly credentials?: ChannelCredentials;
  /** Where the pool goes to. Default: the proxy. */
  readonly target?: (proxy: FaultProxy) => string;
}

/** A fault that lasts. */
export interface Outage {
  begin(): void | Promise<void>;
  end(): void | Promise<void>;
}

/** A pool before a proxy before a server, its calls, and what became of all of them. */
export class Scene implements AsyncDisposable {
  readonly calls: { readonly role: Role | undefined; readonly call: WatchedCall }[] = [];
  readonly changes: ChannelStateChange[] = [];
  /** What begins and ends a fault that lasts. */
  outage: Outage = { begin: () => undefined, end: () => undefined };
  /** Connections that other ends than the proxy have seen. */
  connectionsElsewhere: () => number | Promise<number> = () => 0;
  readonly #changed = new Signal();
  readonly #owned: AsyncDisposable[] = [];
  readonly #bystanders: WatchedCall[] = [];
  #detour: { readonly upstream: ProxiedServer; left: number } | undefined;
  #struckIds: readonly number[] = [];
  #clockMs = 0;

  private constructor(
    readonly proxy: FaultProxy,
    readonly pool: ChannelPool,
    readonly client: PooledClient<EchoClient>,
    private readonly scripted: ScriptedEcho | undefined,
  ) {
    pool.onChannelStateChange((change) => {
      this.changes.push(change);
      // The pool has not done all that follows from it yet.
      setImmediate(() => this.#changed.changed());
    });
  }

  static async open(setting: SceneSetting): Promise<Scene> {
    let scene: Scene | undefined = undefined as Scene | undefined;
    const { upstream } = setting;
    const proxy = await startFaultProxy(() => scene?.takeDetour() ?? upstream);
    const pool = new ChannelPool(
      setting.target?.(proxy) ?? proxy.target,
      setting.credentials ?? credentials.createInsecure(),
      {
        minChannels: POOL_SIZE,
        maxChannels: POOL_SIZE,
        picker: directedPicker,
        ...setting.pool,
        channelOptions: {
          // Attempts to connect follow each other quickly.
          'grpc.initial_reconnect_backoff_ms': 100,
          'grpc.max_reconnect_backoff_ms': 200,
          ...setting.pool?.channelOptions,
        },
      },
    );
    const client = createPooledClient(loadEchoPackage().EchoClient, pool);
    const scripted = upstream instanceof ScriptedEcho ? upstream : undefined;
    scene = new Scene(proxy, pool, client, scripted);
    if (scripted !== undefined) scene.own(scripted);
    return scene;
  }

  /** Disposes it with the scene. */
  own<Thing extends AsyncDisposable>(thing: Thing): Thing {
    this.#owned.push(thing);
    return thing;
  }

  /** The scripted peer behind the proxy. */
  get echo(): ScriptedEcho {
    if (this.scripted === undefined) throw new Error('a real server serves this scene');
    return this.scripted;
  }

  /** Ids of the connections that take calls, oldest first. */
  get readyIds(): readonly number[] {
    return this.pool
      .stats()
      .channels.filter(({ state }) => state === 'ready')
      .map(({ id }) => id);
  }

  /** A connection at the proxy: the pool makes them one after the other, so they come in the order of their ids. */
  connection(id: number): ProxiedConnection {
    const found = this.proxy.connections.find((connection) => connection.id === id);
    if (found === undefined) throw new Error(`connection ${id} is not open`);
    return found;
  }

  /** A connection at the scripted peer. */
  peerConnection(id: number): PeerConnection {
    const { upstreamPort } = this.connection(id);
    const found = this.echo.peer.connections.find(({ socket }) => socket.remotePort === upstreamPort);
    if (found === undefined) throw new Error(`connection ${id} has not come to the peer`);
    return found;
  }

  /**
   * An outage in which new connections go somewhere else.
   *
   * @param most how many of them. Default: all, until it ends.
   */
  detourTo(upstream: ProxiedServer, most = Infinity): Outage {
    return {
      begin: () => void (this.#detour = { upstream, left: most }),
      end: () => void (this.#detour = undefined),
    };
  }

  /** Where the next connection goes to, if not to the server. */
  takeDetour(): ProxiedServer | undefined {
    const detour = this.#detour;
    if (detour === undefined || detour.left === 0) return undefined;
    detour.left -= 1;
    return detour.upstream;
  }

  /** Opens connections. */
  warmUp(channels = POOL_SIZE): Promise<void> {
    return this.pool.warmUp({ channels });
  }

  /** Opens a stream on each of these connections, which the fault is to leave alone. */
  async standBy(members: readonly number[]): Promise<void> {
    for (const member of members) {
      const call = this.#call(undefined, 'streaming', { member, keepOpen: true });
      this.#bystanders.push(await call.begun());
    }
  }

  /** Makes a call whose end is told by its role. */
  begin(role: Role, kind: Kind, start?: CallStart): WatchedCall {
    return this.#call(role, kind, start);
  }

  /** Makes a call that stays open, and waits until the server has begun with it. */
  begun(role: Role, kind: Kind, start?: CallStart): Promise<WatchedCall> {
    return this.#call(role, kind, { ...start, keepOpen: true }).begun();
  }

  /**
   * Lets what servers say beside their answers arrive, and be answered: a round trip on each of the other connections.
   */
  async quiet(): Promise<void> {
    for (const call of this.#bystanders) await call.roundTrip();
  }

  /** The fault strikes now: notes which connections work, and starts the clock. */
  struck(): void {
    this.#struckIds = this.readyIds;
    this.#clockMs = performance.now();
  }

  /** A fault that lasted is over: time to recover counts from here. */
  over(): void {
    this.#clockMs = performance.now();
  }

  /** Resolves when it is so, looked at when a connection has changed its state. */
  until(isSo: () => boolean): Promise<void> {
    return this.#changed.until(isSo, () => JSON.stringify(this.pool.stats()));
  }

  /** Resolves when the stats of the pool show it, of which nobody is told. */
  async sees(isSo: () => boolean): Promise<void> {
    using _looking = repeatedly(1, 'a look at the stats', () => this.look());
    await this.until(isSo);
  }

  /** Streams that the pool puts on a connection. */
  limitOf(id: number): number | undefined {
    return this.pool.stats().channels.find((channel) => channel.id === id)?.maxConcurrentStreams;
  }

  /** Something else that {@link until} waits for may be so. */
  look(): void {
    this.#changed.changed();
  }

  /** How many connection attempts have failed. */
  get failedAttempts(): number {
    return this.changes.filter(({ to }) => to === 'failed').length;
  }

  /** The fault that the pool tells of, of whatever connection. */
  get lastFault(): TransportFaultTag | undefined {
    const { lastFault, lastConnectionError } = this.pool.stats();
    if (lastFault?.detail !== lastConnectionError) throw new Error('stats() tells of two faults at once');
    return lastFault?.tag;
  }

  /** Ids of the connections that were ready when the fault struck, and are not any more. */
  get touchedIds(): readonly number[] {
    const ready = new Set(this.readyIds);
    return this.#struckIds.filter((id) => !ready.has(id));
  }

  /** Waits until each connection of a whole pool has answered a call; returns the milliseconds that it took. */
  async recovered(touched: number): Promise<number> {
    await this.until(() => this.readyIds.length === POOL_SIZE && this.touchedIds.length === touched);
    for (const member of this.readyIds) {
      const { code, details } = await this.#call(undefined, 'unary', { member }).outcome;
      if (code !== 'OK') throw new Error(`connection ${member} does not work again: ${code}, ${details}`);
    }
    return performance.now() - this.#clockMs;
  }

  /** Ends the streams on connections that the fault was to leave alone; says how each ended. */
  async bystandersEnd(): Promise<readonly string[]> {
    const ends: string[] = [];
    for (const call of this.#bystanders) {
      await call.roundTrip().catch(() => undefined);
      ends.push((await call.finish()).code);
    }
    return ends;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.destroy();
    await this.proxy[Symbol.asyncDispose]();
    for (const thing of this.#owned) await thing[Symbol.asyncDispose]();
  }

  #call(role: Role | undefined, kind: Kind, start?: CallStart): WatchedCall {
    const call = new WatchedCall(this.client, kind, start);
    this.calls.push({ role, call });
    return call;
  }
}
