import { connectivityState, type ChannelInterface } from '@grpc/grpc-js';
import PQueue from 'p-queue';
import type { Clock, Random, Timer, TransportFault } from '@grpc-manifold/core';
import { ConnectionBackoff } from './backoff.js';
import type { ResolvedChannelPoolOptions } from './options.js';
import { LeastStreamsPicker } from './picker.js';
import { PooledChannel, type PooledChannelObserver, type PooledChannelSettings } from './pooled-channel.js';
import { growthReason, type ScaleDecision } from './scaling.js';
import type { ChannelState, ChannelStateChange } from './stats.js';

/** Who uses the connections. */
export interface MembersObserver {
  /** Calls that wait for a connection now. */
  queuedCalls(): number;
  /** True when somebody waits for a connection: a call, or a watcher of the pool's state. */
  isAwaited(): boolean;
  /** There may be room on a connection. */
  onRoom(): void;
  /** No connection is left, and the last attempt has failed. */
  onNoConnection(error: string): void;
  /** A connection is given up with calls on it: end them. */
  endCallsOn(member: PooledChannel, reason: string): void;
  onStateChange(change: ChannelStateChange): void;
  onScale(decision: ScaleDecision): void;
  onConnectivity(state: connectivityState): void;
}

/**
 * The connections of a pool: opens them one at a time as load asks for them, knows which have room, and replaces those
 * that are lost.
 */
export class Members implements PooledChannelObserver {
  readonly #all = new Set<PooledChannel>();
  readonly #available: PooledChannel[] = [];
  readonly #picker = new LeastStreamsPicker();
  readonly #openings = new PQueue({ concurrency: 1 });
  readonly #backoff: ConnectionBackoff;
  readonly #settings: PooledChannelSettings;
  #spare: PooledChannel | undefined;
  #lastId = 0;
  #wanted = false;
  #closed = false;
  #closedChannels = 0;
  /** The attempt that is under way, and how to say that it has come to its end. */
  #opening: { readonly member: PooledChannel; readonly settle: () => void } | undefined;
  #retryTimer: Timer | undefined;
  #demand = false;
  #lastError: string | undefined;
  #lastFault: TransportFault | undefined;
  #failing = false;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    settings: Omit<PooledChannelSettings, 'maxStreamsPerChannel' | 'connectTimeoutMs' | 'channelFactory'>,
    private readonly options: ResolvedChannelPoolOptions,
    private readonly clock: Clock,
    random: Random,
    private readonly observer: MembersObserver,
  ) {
    const { maxStreamsPerChannel, connectTimeoutMs, channelFactory } = options;
    this.#settings = { ...settings, maxStreamsPerChannel, connectTimeoutMs, channelFactory };
    this.#backoff = new ConnectionBackoff(options.channelOptions, random);
    // Made now, connected with the first call: a wrong target is an error of the constructor, as in grpc-js.
    this.#spare = this.#create();
    this.target = this.#spare.channel.getTarget();
    this.channelzRef = this.#spare.channel.getChannelzRef();
  }

  /** The target as grpc-js writes it. */
  readonly target: string;
  /** The channelz reference of the first connection's channel. */
  readonly channelzRef: ReturnType<ChannelInterface['getChannelzRef']>;

  /** Connections that are not closed. */
  get open(): ReadonlySet<PooledChannel> {
    return this.#all;
  }

  get closedChannels(): number {
    return this.#closedChannels;
  }

  /** What went wrong with the last connection that failed or was lost. */
  get lastFault(): TransportFault | undefined {
    return this.#lastFault;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The last error when no connection is left and none could be made; undefined while there is hope. */
  get failure(): string | undefined {
    return this.#failing ? (this.#lastError ?? 'unknown') : undefined;
  }

  get usedStreams(): number {
    return this.#sumOfReady((member) => member.usedStreams);
  }

  get streamCapacity(): number {
    return this.#sumOfReady((member) => member.maxConcurrentStreams);
  }

  /** Streams on connections that may still be opened; none while no connection can be had. */
  get roomToCome(): number {
    if (this.#failing) return 0;
    return (this.options.maxChannels - this.#count('ready')) * this.options.maxStreamsPerChannel;
  }

  /** A connection that has room for a call, the one with the fewest streams. */
  pick(): PooledChannel | undefined {
    for (;;) {
      const member = this.#picker.pick(this.#available);
      // The server may have lowered its limit since: look again at the moment of picking.
      if (member === undefined || member.hasRoom) return member;
      this.#refresh(member);
    }
  }

  /** A call was counted in on the connection with the fewest streams: when that is nearly full, so are all. */
  took(member: PooledChannel): void {
    this.#refresh(member);
    if (member.usedStreams >= member.maxConcurrentStreams * this.options.growAtRatio) this.review();
  }

  /** Somebody wants a connection: opens what is missing. */
  want(): void {
    this.#wanted = true;
    this.#demand = true;
    this.review();
  }

  /** Opens another connection when load asks for it. Cheap when it does not. */
  review(): void {
    if (this.#closed || this.#openings.pending > 0 || this.#retryTimer !== undefined) return;
    const load = {
      minChannels: this.#wanted ? this.options.minChannels : 0,
      maxChannels: this.options.maxChannels,
      growAtRatio: this.options.growAtRatio,
      liveChannels: this.#count('ready'),
      connectingChannels: this.#openings.size,
      usedStreams: this.usedStreams,
      capacity: this.streamCapacity,
      queuedCalls: this.observer.queuedCalls(),
    };
    const reason = growthReason(load) ?? (this.#failing && this.#demand ? 'a call asks for a connection' : undefined);
    if (reason === undefined) {
      this.#tellConnectivity();
      return;
    }
    this.#demand = false;
    const { usedStreams, capacity, queuedCalls } = load;
    const [from, to] = [load.liveChannels, load.liveChannels + 1];
    this.observer.onScale({
      action: 'grow',
      from,
      to,
      reason,
      usedStreams,
      capacity,
      queuedCalls,
      peakStreams: usedStreams,
    });
    void this.#openings.add(() => this.#open()).then(() => this.review());
  }

  /** Closes every connection; resolves when no socket is left open, to the number that had to be destroyed. */
  async close(reason: string): Promise<number> {
    this.#closed = true;
    if (this.#retryTimer !== undefined) this.clock.clearTimer(this.#retryTimer);
    const members = this.#spare === undefined ? [...this.#all] : [this.#spare, ...this.#all];
    const forced = await Promise.all(members.map((member) => member.close(reason)));
    return forced.reduce((sum, count) => sum + count, 0);
  }

  // ── what the connections tell ─────────────────────────────────────────────────────────────────────────────────────

  onRoom(member: PooledChannel): void {
    this.#refresh(member);
    this.observer.onRoom();
  }

  isAwaited(): boolean {
    return this.observer.isAwaited();
  }

  onStateChange(member: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void {
    const to = member.state;
    this.#refresh(member);
    if (fault !== undefined) {
      this.#lastFault = fault;
      this.#lastError = fault.detail;
    }
    this.observer.onStateChange({ id: member.id, from, to, reason, ...(fault === undefined ? {} : { fault }) });
    if (this.#opening?.member === member) {
      this.#opening.settle();
      this.#opening = undefined;
    }
    if (to === 'ready') this.#onReady();
    else if (to === 'failed') this.#onFailed();
    else if (to === 'draining') this.#onDraining(member);
    else if (to === 'closed') this.#onClosed(member);
  }

  #onReady(): void {
    this.#failing = false;
    this.observer.onRoom();
    this.#tellConnectivity();
    this.review();
  }

  #onFailed(): void {
    this.#retryLater();
    if (this.#count('ready') > 0) return;
    this.#failing = true;
    this.#tellConnectivity();
    this.observer.onNoConnection(this.failure as string);
  }

  #onDraining(member: PooledChannel): void {
    // A server that takes connections only to drop them must not be called upon without pause.
    if (member.connectedMs < this.#backoff.initialMs) this.#retryLater();
    else this.#backoff.reset();
    // One without calls is closed in this very tick.
    const draining = [...this.#all].filter((each) => each.state === 'draining' && each.inFlightCalls > 0);
    const oldest = draining[0];
    if (oldest !== undefined && draining.length > this.options.maxDrainingChannels) {
      const reason = `more than maxDrainingChannels ${this.options.maxDrainingChannels} connections were draining`;
      this.observer.endCallsOn(oldest, reason);
      void oldest.close(reason);
    }
    this.#tellConnectivity();
    this.review();
  }

  #onClosed(member: PooledChannel): void {
    if (this.#all.delete(member)) this.#closedChannels += 1;
    this.review();
  }

  // ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #create(): PooledChannel {
    this.#lastId += 1;
    return new PooledChannel(this.#lastId, this.#settings, this);
  }

  /** One attempt, to its end: the next begins when this one is ready or has failed. */
  #open(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    try {
      const member = this.#spare ?? this.#create();
      this.#spare = undefined;
      this.#all.add(member);
      return new Promise((settle) => {
        this.#opening = { member, settle };
        this.#tellConnectivity();
        member.connect();
      });
    } catch (error) {
      this.#lastError = String(error);
      this.#lastFault = { tag: 'connect-failed', detail: this.#lastError };
      this.#onFailed();
      return Promise.resolve();
    }
  }

  #retryLater(): void {
    if (this.#closed || this.#retryTimer !== undefined) return;
    this.#retryTimer = this.clock.setTimer(() => {
      this.#retryTimer = undefined;
      // Nobody asked since: the next call begins anew, and waits for its attempt instead of failing at once.
      if (this.#failing && !this.#demand && this.options.minChannels === 0 && this.observer.queuedCalls() === 0) {
        this.#failing = false;
      }
      this.review();
    }, this.#backoff.next());
  }

  /** Keeps the list of those with room in step. O(1). */
  #refresh(member: PooledChannel): void {
    const has = member.availableIndex >= 0;
    if (member.hasRoom === has) return;
    if (has) {
      const last = this.#available.pop() as PooledChannel;
      if (last !== member) {
        this.#available[member.availableIndex] = last;
        last.availableIndex = member.availableIndex;
      }
      member.availableIndex = -1;
    } else {
      member.availableIndex = this.#available.push(member) - 1;
    }
  }

  #tellConnectivity(): void {
    if (this.#closed) return;
    if (this.#count('ready') > 0) this.observer.onConnectivity(connectivityState.READY);
    else if (this.#failing) this.observer.onConnectivity(connectivityState.TRANSIENT_FAILURE);
    else if (this.#count('connecting') > 0) this.observer.onConnectivity(connectivityState.CONNECTING);
    else this.observer.onConnectivity(connectivityState.IDLE);
  }

  #count(state: ChannelState): number {
    let count = 0;
    for (const member of this.#all) if (member.state === state) count += 1;
    return count;
  }

  #sumOfReady(of: (member: PooledChannel) => number): number {
    let sum = 0;
    for (const member of this.#all) if (member.state === 'ready') sum += of(member);
    return sum;
  }
}
