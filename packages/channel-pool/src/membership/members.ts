import { connectivityState, type ChannelInterface, type ChannelOptions } from '@grpc/grpc-js';
import PQueue from 'p-queue';
import type { CallInfo, ChannelState, PolicyAction, PoolView, TransportFault } from '@grpc-manifold/core';
import { warn, type Clock, type Random, type Timer } from '@grpc-manifold/core/internal';
import { withRotatedAddresses } from './address-rotation.js';
import { Affinity } from './affinity.js';
import { ConnectionBackoff } from './backoff.js';
import { Draining } from './draining.js';
import { Ejector } from '../ejection/ejector.js';
import { IdleWatch, idleTimeoutOf } from './idle-watch.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import { pickerOf } from '../pickers/index.js';
import type { PickOutcome, Picker } from '../pickers/picker.js';
import type { PooledChannelSettings } from '../member/member-settings.js';
import { PooledChannel, type PooledChannelObserver } from '../member/pooled-channel.js';
import { UNSEEN_LIMIT } from '../member/stream-room.js';
import { ASK_AFTER_MS, LifeWatch } from './life-watch.js';
import { growthReason, neededChannels, type Load, type ScaleDecision } from './scaling.js';
import { PolicyRunner } from '../policies/policy-runner.js';
import { beatOf, type BeatListener, type ProcessBeat } from './process-beat.js';
import type { ChannelStateChange, PoolAlarm } from '../reports/stats.js';

/** Who uses the connections. */
export interface MembersObserver {
  /** Calls that wait for a connection now. */
  queuedCalls(): number;
  /** The most calls, in flight and waiting, that there were at once since this was asked for last. */
  takePeak(): number;
  /** True when somebody waits for a connection: a call, or a watcher of the pool's state. */
  isAwaited(): boolean;
  /** False once the pool is closing. */
  takesCalls(): boolean;
  /** Asked before a connection is opened. Returns nothing when it may be, else a promise of whether it then may. */
  beforeOpening(): Promise<boolean> | undefined;
  /** There may be room on a connection. */
  onRoom(): void;
  /** No connection is left, and the last attempt has failed. */
  onNoConnection(error: string): void;
  /** A connection is given up with calls on it: end them. */
  endCallsOn(member: PooledChannel, reason: string, fault: TransportFault | undefined): void;
  /** Carries out an operation: listeners are told when it is over, and the books are done. */
  during<T>(operation: () => T): T;
  onStateChange(change: ChannelStateChange): void;
  onScale(decision: ScaleDecision): void;
  onAlarm(alarm: PoolAlarm): void;
  onConnectivity(state: connectivityState): void;
}

/** Milliseconds between two looks at the limits of full connections while calls wait: a server may raise one at any time. */
const LIMIT_REVIEW_MS = 20;

const LOW_ON_RESETS = 'its resets are nearly used up';

/** Milliseconds that a PING of a policy may take that says nothing of it: grpc-js's own default. */
const PING_TIMEOUT_MS = 20_000;

/**
 * The connections of a pool: opens them one at a time as load asks for them, knows which have room, and replaces those
 * that are lost.
 */
export class Members implements PooledChannelObserver, BeatListener {
  readonly #all = new Set<PooledChannel>();
  /** Closed ones whose sockets are not. */
  readonly #closing = new Set<PooledChannel>();
  readonly #available: PooledChannel[] = [];
  // Of those that are ready (the ejected among them but for streams), as of the last look at each: summed anew for each call
  // they would cost more with each connection.
  #ready = 0;
  #usedStreams = 0;
  #capacity = 0;
  readonly #picker: Picker;
  readonly #isOwnPicker: boolean;
  readonly #affinity = new Affinity<PooledChannel>();
  readonly #openings = new PQueue({ concurrency: 1 });
  readonly #backoff: ConnectionBackoff;
  readonly #settings: Omit<PooledChannelSettings, 'keepaliveTimeMs'>;
  readonly #ejector: Ejector;
  readonly #draining: Draining;
  readonly #idleWatch: IdleWatch;
  /** When one that is closed by now was used last, or somebody asked for a connection. */
  #lastUsedMs = 0;
  readonly #lifeWatch: LifeWatch;
  #spare: PooledChannel | undefined;
  #lastId = 0;
  /** In use: `minChannels` are kept. */
  #wanted = false;
  #closed = false;
  #closedChannels = 0;
  /** The attempt that is under way, and how to say that it has come to its end. */
  #opening:
    { readonly member: PooledChannel; readonly isReplacement: boolean; readonly settle: () => void } | undefined;
  #retryTimer: Timer | undefined;
  #demand = false;
  #awaitsPlace = false;
  #lastError: string | undefined;
  #lastFault: TransportFault | undefined;
  #failing = false;
  #limitTimer: Timer | undefined;
  #shrinkTimer: Timer | undefined;
  /** What those who warm the pool up wait for. */
  readonly #warming = new Map<object, number>();
  /** Those that others are to take the place of, and why. */
  readonly #replaceable = new Map<PooledChannel, string>();
  readonly #policies: PolicyRunner;
  readonly #beat: ProcessBeat;
  #placeAtBeat: WeakRef<BeatListener> | undefined;
  /** The interval between PINGs that a policy has set. */
  #keepaliveTimeMs: number | undefined;
  #pingStrikes = 0;
  /** grpc-js's keepalive, for connections on which only it can send PINGs. */
  readonly #keepaliveOptions: ChannelOptions;
  /** False once a connection was made whose session cannot be seen. */
  #seesSessions: boolean;
  #pickerComplained = false;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    settings: Omit<
      PooledChannelSettings,
      'maxStreamsPerChannel' | 'connectTimeoutMs' | 'silenceTimeoutMs' | 'channelFactory' | 'keepaliveTimeMs'
    > & {
      /** Options of grpc-js for connections whose PINGs only it can send. */
      readonly keepaliveOptions: ChannelOptions;
    },
    private options: ResolvedChannelPoolOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly observer: MembersObserver,
  ) {
    const { connectTimeoutMs, silenceTimeoutMs, channelFactory } = options;
    const maxStreamsPerChannel = (): number | undefined => this.options.maxStreamsPerChannel;
    const { keepaliveOptions, ...given } = settings;
    this.#settings = { ...given, maxStreamsPerChannel, connectTimeoutMs, silenceTimeoutMs, channelFactory };
    this.#keepaliveOptions = keepaliveOptions;
    this.#seesSessions = channelFactory === undefined || channelFactory.showsConnections === true;
    this.#picker = pickerOf(options.picker, clock, random);
    this.#beat = beatOf(clock);
    this.#isOwnPicker = typeof options.picker === 'string';
    this.#backoff = new ConnectionBackoff(options.channelOptions, random);
    this.#policies = new PolicyRunner(options.policies, clock, {
      target: settings.target,
      view: () => this.#view(),
      act: (action) => this.#act(action),
    });
    this.#ejector = new Ejector(clock, {
      open: this.#all,
      isOn: () => this.options.ejectOutliers && this.options.maxChannels > 1,
      during: (operation) => observer.during(operation),
      // The calls of a key go to one connection, and may be slow by themselves.
      measuresLatency: () => this.options.affinity === undefined,
      onRoom: () => observer.onRoom(),
    });
    this.#lifeWatch = new LifeWatch(clock, this.#all);
    this.#draining = new Draining({
      open: this.#all,
      maxDrainingChannels: () => this.options.maxDrainingChannels,
      giveUp: (...args) => this.#giveUp(...args),
      onAlarm: (alarm) => observer.onAlarm(alarm),
    });
    this.#idleWatch = new IdleWatch(clock, idleTimeoutOf(options.channelOptions), {
      isInUse: () => this.#isInUse,
      lastUsedMs: () => this.#lastUse(),
      onIdle: (idleMs) => this.#rest(idleMs),
    });
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

  /** Connections that take no new calls and still have some. */
  get drainingChannels(): number {
    return this.#draining.count;
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

  /** True while a connection is there that was not given up. */
  get hasLive(): boolean {
    return this.#ready > 0;
  }

  /** Streams that may be on the connections that are ready. */
  get streamCapacity(): number {
    let sum = 0;
    for (const member of this.#all) if (member.state === 'ready') sum += member.maxConcurrentStreams;
    return sum;
  }

  /** Streams on connections that may still be opened; none while no connection can be had. */
  get roomToCome(): number {
    if (this.#failing) return 0;
    return Math.max(0, this.options.maxChannels - this.#ready) * (this.options.maxStreamsPerChannel ?? UNSEEN_LIMIT);
  }

  /**
   * Picks the member that gets a call, out of those that have room, and counts the call in. The caller starts the call in
   * the same tick, and then calls {@link review}.
   *
   * @param nowMs the clock's `elapsed()`.
   * @returns undefined when no member has room.
   */
  take(call: CallInfo, nowMs: number): PooledChannel | undefined {
    this.#beat.look(nowMs);
    return this.#countIn(this.#pick(call), nowMs);
  }

  /** As {@link take}, out of the members that are not the given one: the one with the fewest streams. */
  takeOther(than: PooledChannel, nowMs: number): PooledChannel | undefined {
    this.#beat.look(nowMs);
    return this.#countIn(this.#pickOther(than), nowMs);
  }

  /** The only place where a call is counted in. It is counted out by the member, which calls {@link onRoom} then. */
  #countIn(member: PooledChannel | undefined, nowMs: number): PooledChannel | undefined {
    if (member === undefined) return undefined;
    member.countIn(this.measures ? nowMs : -1);
    this.#refresh(member);
    this.#wanted = true;
    this.#idleWatch.watch();
    this.#ejector.watch();
    this.#lifeWatch.watch(member);
    return member;
  }

  #pick(call: CallInfo): PooledChannel | undefined {
    const trial = this.#ejector.takeTrial();
    if (trial !== undefined) return trial;
    const key = this.#keyOf(call);
    const bound = key === undefined ? undefined : this.#affinity.get(key);
    // One that is full keeps its keys: only this call goes elsewhere.
    if (bound?.hasRoom === true) return bound;
    for (;;) {
      const member = this.#choose(call);
      if (member === undefined) return undefined;
      // The server may have lowered its limit since: look again at the moment of picking.
      if (member.hasRoom) {
        if (key !== undefined && bound === undefined) this.#affinity.bind(key, member);
        return member;
      }
      this.#refresh(member);
    }
  }

  /** The interval between PINGs that a policy has set. */
  get keepaliveTimeMs(): number | undefined {
    return this.#keepaliveTimeMs;
  }

  #pickOther(than: PooledChannel): PooledChannel | undefined {
    let best: PooledChannel | undefined;
    for (const member of this.#available) {
      if (member === than || !member.hasRoom) continue;
      if (best === undefined || member.usedStreams < best.usedStreams) best = member;
    }
    return best;
  }

  /** True when the picker wants to hear how calls went. */
  get tellsPicker(): boolean {
    return this.#picker.onCallEnd !== undefined;
  }

  /** True when calls must be timed: the picker wants to hear how they went, or connections are ejected. */
  get measures(): boolean {
    return this.tellsPicker || this.#ejector.isOn;
  }

  /** Tells the picker how a call went. */
  callEnded(member: PooledChannel, outcome: PickOutcome): void {
    try {
      this.#picker.onCallEnd?.(member, outcome);
    } catch (error) {
      this.#complain(`onCallEnd of the picker threw: ${String(error)}`);
    }
  }

  /**
   * Calls wait although connections are open: asks those in doubt for a sign of life, and looks until there is room whether a
   * server has raised its limit.
   */
  watchLimits(): void {
    for (const member of this.#all) member.verify();
    this.review();
    if (this.#limitTimer !== undefined || this.#closed) return;
    this.#limitTimer = this.clock.setTimer(() => {
      this.#limitTimer = undefined;
      for (const member of this.#all) {
        member.askWhenSilent(ASK_AFTER_MS);
        this.#refresh(member);
      }
      this.observer.onRoom();
    }, LIMIT_REVIEW_MS);
  }

  /** Changes the bounds; what is beyond a smaller one is drained, and no call is dropped. */
  update(options: ResolvedChannelPoolOptions): void {
    this.observer.during(() => {
      this.options = options;
      for (const member of this.#all) this.#refresh(member);
      this.#keepMaximum();
      if (this.#ready > this.#floor) this.#watchIdleness();
      if (this.#all.size > 0) this.#idleWatch.watch();
      this.#policies.changed();
      this.observer.onRoom();
      this.review();
    });
  }

  /** Opens that many connections for somebody who waits for them; says whether they are ready. */
  warm(who: object, channels: number): boolean {
    this.#warming.set(who, Math.min(channels, this.options.maxChannels));
    this.#ask();
    const isWarm = this.#ready >= Math.min(channels, this.options.maxChannels);
    if (!isWarm) this.review();
    return isWarm;
  }

  /** He waits no longer. */
  stopWarming(who: object): void {
    this.#warming.delete(who);
  }

  /** Somebody wants a connection: opens what is missing. */
  requestConnection(): void {
    this.#ask();
    // One that was silent for long is asked for life before it gets a call.
    for (const member of this.#all) member.verify();
    this.review();
  }

  /** True when somebody asked for a connection and there is none. */
  get #isAskedFor(): boolean {
    return this.#demand && this.#ready === 0;
  }

  /** Remembers that somebody asked for a connection, until there is one: what idles since is not opened again for it. */
  #ask(): void {
    this.#wanted = true;
    this.#lastUsedMs = this.clock.elapsed();
    this.#idleWatch.watch();
    if (this.#ready === 0) this.#demand = true;
  }

  /**
   * Opens another connection when load asks for it. Cheap when it does not.
   *
   * @param hasPlace it has been waited for.
   */
  review(hasPlace = false): void {
    if (this.#closed || this.#openings.pending > 0 || this.#retryTimer !== undefined || this.#awaitsPlace) return;
    let load = this.#load();
    if (growthReason(load) !== undefined) {
      // Nothing tells when a server has raised its limit.
      for (const member of this.#all) this.#refresh(member);
      load = this.#load();
    }
    const growth = growthReason(load) ?? (this.#isAskedFor ? 'a connection was asked for' : undefined);
    const reason = growth ?? this.#rotationReason();
    if (reason === undefined) {
      this.#tellConnectivity();
      return;
    }
    const place = hasPlace ? undefined : this.observer.beforeOpening();
    if (place !== undefined) {
      this.#awaitsPlace = true;
      void place.then((isGiven) => {
        this.#awaitsPlace = false;
        // Load may have gone meanwhile.
        this.review(isGiven);
      });
      return;
    }
    this.observer.during(() => this.#openFor(load, growth, reason));
  }

  #openFor(load: Load, growth: string | undefined, reason: string): void {
    this.#demand = false;
    const { usedStreams, capacity, queuedCalls } = load;
    const from = load.liveChannels;
    this.observer.onScale({
      action: growth === undefined ? 'keep' : 'grow',
      from,
      to: growth === undefined ? from : from + 1,
      reason,
      usedStreams,
      capacity,
      queuedCalls,
      peakStreams: usedStreams,
    });
    // One that was let go may have been worn itself, and have little more to give.
    if (growth !== undefined && this.#takeBack('load returned')) return;
    void this.#openings.add(() => this.#open(growth === undefined)).then(() => this.review());
  }

  /** Closes every connection; resolves when no socket is left open, to the number that had to be destroyed. */
  async close(reason: string): Promise<number> {
    this.#closed = true;
    this.#policies.close();
    this.#ejector.close();
    this.#idleWatch.close();
    this.#lifeWatch.close();
    for (const timer of [this.#retryTimer, this.#limitTimer, this.#shrinkTimer]) {
      if (timer !== undefined) this.clock.clearTimer(timer);
    }
    // Also those that have closed by themselves just now, as they do when their last call is cancelled.
    const members = [...this.#all, ...this.#closing];
    if (this.#spare !== undefined) members.push(this.#spare);
    const forced = await Promise.all(members.map((member) => member.close(reason)));
    return forced.reduce((sum, count) => sum + count, 0);
  }

  // ── what the connections tell ─────────────────────────────────────────────────────────────────────────────────────

  onRoom(member: PooledChannel): void {
    this.#refresh(member);
    this.observer.onRoom();
  }

  onLowResets(member: PooledChannel): void {
    this.#replaceLater(member, LOW_ON_RESETS);
  }

  onDeath(member: PooledChannel, fault: TransportFault): void {
    this.observer.during(() => {
      if (member.state === 'closed') return;
      member.retire(fault.detail, fault);
      this.#giveUp(member, fault.detail, fault);
    });
  }

  onUnverified(member: PooledChannel, fault: TransportFault): void {
    if (member.inFlightCalls === 0) return this.onDeath(member, fault);
    // Its calls may have a living connection yet, whose server was slow to answer. New ones need not wait for that.
    if (member.isLive && this.#draining.hasPlace) member.drainForGood(fault.detail);
  }

  /** The path to the other ends may have forgotten the connections: each is verified before its next call. */
  onStandstill(): void {
    for (const member of this.#all) {
      member.requireVerificationAfterStandstill();
      this.#refresh(member);
    }
    // Calls that wait already have to ask for it.
    this.clock.soon(() => this.observer.onRoom());
  }

  onFault(member: PooledChannel, fault: TransportFault): void {
    this.#note(member, fault);
    this.observer.during(() => this.#draining.review());
    this.#policies.changed();
  }

  onVitals(): void {
    this.#ejector.judge();
  }

  wasPresent(sinceMs: number, nowMs: number): boolean {
    return this.#ejector.wasPresent(sinceMs, nowMs);
  }

  isAwaited(): boolean {
    return this.#warming.size > 0 || this.observer.isAwaited();
  }

  onStateChange(member: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void {
    this.observer.during(() => this.#changed(member, from, reason, fault));
  }

  #changed(member: PooledChannel, from: ChannelState, reason: string, fault: TransportFault | undefined): void {
    const to = member.state;
    this.#refresh(member);
    if (from === 'ready') this.#affinity.release(member);
    if (fault !== undefined) this.#note(member, fault);
    this.observer.onStateChange({ id: member.id, from, to, reason, ...(fault === undefined ? {} : { fault }) });
    const opening = this.#opening?.member === member ? this.#opening : undefined;
    if (opening !== undefined) {
      opening.settle();
      this.#opening = undefined;
    }
    this.#policies.changed();
    this.#ejector.connectionsChanged();
    if (from === 'failed' && to === 'ready') this.observer.onRoom();
    else if (to === 'ready') this.#onReady(member, opening?.isReplacement === true);
    else if (to === 'failed' && !member.isLive) this.#onFailed();
    else if (to === 'failed') this.review();
    else if (to === 'draining') this.#onDraining(member);
    else if (to === 'closed') this.#onClosed(member);
  }

  #onReady(member: PooledChannel, isReplacement: boolean): void {
    if (!member.canPing) this.#seesSessions = false;
    this.#failing = this.#demand = false;
    this.observer.onRoom();
    this.#tellConnectivity();
    if (isReplacement) this.#replaceOne();
    this.#keepMaximum();
    this.#watchIdleness();
    this.review();
  }

  #onFailed(): void {
    this.#retryLater();
    if (this.#ready > 0) return;
    this.#failing = true;
    this.#tellConnectivity();
    this.observer.onNoConnection(this.failure as string);
  }

  #onDraining(member: PooledChannel): void {
    // A server that takes connections only to drop them must not be called upon without pause.
    // One that was told to go and still has calls may answer them yet: nginx does so after each 1,000 requests.
    const mayAnswer = member.hasAnswered || (member.fault?.tag === 'goaway' && member.inFlightCalls > 0);
    const isWorthless = member.fault !== undefined && !mayAnswer && member.connectedMs < this.#backoff.initialMs;
    if (member.fault?.tag === 'stalled') {
      // A server that stalls again and again is called upon less and less often, until it has answered.
      if (member.hasAnswered) this.#backoff.reset();
      this.#retryLater(member.ageMs);
    } else if (isWorthless) {
      this.#retryLater();
    } else {
      this.#backoff.reset();
      // An attempt that failed beside this one, which worked, is no reason to leave calls without any.
      if (this.#ready === 0) this.#retryNow();
    }
    this.#draining.review();
    // As a plain channel, which connects again with the next call.
    if (this.#ready === 0 && !this.#isInUse) this.#forgetUse();
    this.#tellConnectivity();
    this.review();
  }

  #onClosed(member: PooledChannel): void {
    this.#lastUsedMs = Math.max(this.#lastUsedMs, member.lastCallMs);
    if (this.#all.delete(member)) this.#closedChannels += 1;
    if (this.#all.size === 0) {
      this.#leaveBeat();
      if (!this.#wanted) this.#idleWatch.stop();
    }
    this.#replaceable.delete(member);
    this.#closing.add(member);
    void this.#awaitSockets(member);
    this.#draining.review();
    this.#keepMaximum();
    this.review();
  }

  #leaveBeat(): void {
    if (this.#placeAtBeat !== undefined) this.#beat.leave(this.#placeAtBeat);
    this.#placeAtBeat = undefined;
  }

  async #awaitSockets(member: PooledChannel): Promise<void> {
    // It tells of its end while it is about to close: in the next microtask it knows what to wait for.
    await Promise.resolve();
    await member.close('');
    this.#closing.delete(member);
  }

  // ── picking ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #keyOf(call: CallInfo): string | undefined {
    const { affinity } = this.options;
    if (affinity === undefined) return undefined;
    try {
      return affinity(call);
    } catch (error) {
      this.#complain(`affinity threw: ${String(error)}`);
      return undefined;
    }
  }

  /** A picker of the user's own may throw, or return what it was not given: then the first one gets the call. */
  #choose(call: CallInfo): PooledChannel | undefined {
    if (this.#available.length === 0) return undefined;
    try {
      // A picker of the user's own gets a list of its own, whatever it does with it.
      const members = this.#isOwnPicker ? this.#available : [...this.#available];
      const member = this.#picker.pick(members, call) as PooledChannel | undefined;
      if (member === undefined || this.#available[member.availableIndex] === member) return member;
      this.#complain('the picker returned what it was not given');
    } catch (error) {
      this.#complain(`the picker threw: ${String(error)}`);
    }
    return this.#available[0];
  }

  /** Once a pool: it would happen with each call. */
  #complain(what: string): void {
    if (!this.#pickerComplained) warn(`ChannelPool of ${this.target}: ${what}`);
    this.#pickerComplained = true;
  }

  // ── resting ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Connections that are kept: `minChannels` while the pool is in use, and after that where the user has set it. */
  get #floor(): number {
    return this.#wanted ? this.options.minChannels : 0;
  }

  /** True while a call runs or waits, or somebody waits for a connection. */
  get #isInUse(): boolean {
    if (this.isAwaited()) return true;
    for (const { inFlightCalls } of this.#all) if (inFlightCalls > 0) return true;
    return false;
  }

  /** When a call ended last, or somebody asked for a connection. */
  #lastUse(): number {
    let lastMs = this.#lastUsedMs;
    for (const { lastCallMs } of this.#all) lastMs = Math.max(lastMs, lastCallMs);
    return lastMs;
  }

  #forgetUse(): void {
    if (!this.options.keepsMinChannels) this.#wanted = this.#demand = false;
  }

  /** Closes what need not be kept for a pool that nobody uses, and opens nothing until the next call. */
  #rest(idleMs: number): void {
    this.observer.during(() => {
      this.#forgetUse();
      const from = this.#ready;
      const surplus = this.#surplus(from - this.#floor);
      if (surplus.length === 0) return;
      const reason = `no call for ${Math.round(idleMs)} ms (grpc.client_idle_timeout_ms)`;
      const { capacity } = this.#load();
      this.observer.onScale({
        action: 'shrink',
        from,
        to: from - surplus.length,
        reason,
        usedStreams: 0,
        capacity,
        queuedCalls: 0,
        peakStreams: 0,
      });
      for (const member of surplus) member.drain(reason);
    });
  }

  // ── closing what is not needed ────────────────────────────────────────────────────────────────────────────────────

  #watchIdleness(): void {
    const { shrinkAfterMs } = this.options;
    if (this.#shrinkTimer !== undefined || this.#closed || shrinkAfterMs === Infinity) return;
    this.observer.takePeak();
    this.#shrinkTimer = this.clock.setTimer(() => {
      this.#shrinkTimer = undefined;
      this.#shrink();
      if (this.#ready > this.#floor) this.#watchIdleness();
    }, shrinkAfterMs);
  }

  #shrink(): void {
    this.observer.during(() => {
      const { growAtRatio, shrinkAfterMs } = this.options;
      const minChannels = this.#floor;
      const [from, capacity, peakStreams] = [this.#ready, this.streamCapacity, this.observer.takePeak()];
      const needed = neededChannels({ minChannels, growAtRatio, liveChannels: from, capacity, peakStreams });
      const surplus = this.#surplus(from - Math.min(needed, this.options.maxChannels));
      const to = from - surplus.length;
      const reason = `at most ${peakStreams} calls at once in ${shrinkAfterMs} ms (shrinkAfterMs)`;
      this.observer.onScale({
        action: to < from ? 'shrink' : 'keep',
        from,
        to,
        reason,
        usedStreams: this.#usedStreams,
        capacity,
        queuedCalls: this.observer.queuedCalls(),
        peakStreams,
      });
      for (const member of surplus) member.drain(reason);
    });
  }

  /** After the maximum was lowered. What may not drain yet follows when another has. */
  #keepMaximum(): void {
    const { maxChannels } = this.options;
    const surplus = this.#ready - maxChannels;
    if (this.#closed) return;
    this.observer.during(() => {
      for (const member of this.#surplus(surplus)) member.drain(`maxChannels is ${maxChannels}`);
    });
  }

  /**
   * Those that may go, the ejected and the ones with the fewest calls first: without calls they are closed at once, with calls they
   * drain, and never more than may drain.
   */
  #surplus(count: number): PooledChannel[] {
    let { places } = this.#draining;
    return [...this.#all]
      .filter((member) => member.isLive)
      .sort((one, other) => placeOf(one) - placeOf(other))
      .slice(0, Math.max(0, count))
      .filter((member) => member.inFlightCalls === 0 || places-- > 0);
  }

  /** A connection that was let go and still has calls is as good as a new one, and there at once. */
  #takeBack(reason: string): boolean {
    for (const member of this.#all) {
      const isGood = !member.isLowOnResets && member.vitals.ejection === undefined;
      if (member.state === 'draining' && isGood && member.undrain(reason)) return true;
    }
    return false;
  }

  // ── replacing one by another ──────────────────────────────────────────────────────────────────────────────────────

  #replaceLater(member: PooledChannel, reason: string): void {
    if (!member.isLive || this.#replaceable.has(member)) return;
    this.#replaceable.set(member, reason);
    this.review();
  }

  /**
   * The connection that another should take the place of, and why. None while as many drain as may: a connection that works
   * waits then.
   */
  #nextToReplace(): readonly [PooledChannel, string] | undefined {
    if (this.#replaceable.size === 0 || !this.observer.takesCalls()) return undefined;
    const { hasPlace } = this.#draining;
    for (const entry of this.#replaceable) {
      const [member, reason] = entry;
      // Resets grow back.
      if (!member.isLive || (reason === LOW_ON_RESETS && !member.isLowOnResets)) this.#replaceable.delete(member);
      else if (hasPlace || member.inFlightCalls === 0) return entry;
    }
    return undefined;
  }

  /** The connection that was opened for it is ready: one that is to be replaced may go. */
  #replaceOne(): void {
    if (this.#ready < 2) return;
    const [member, reason] = this.#nextToReplace() ?? [];
    if (member === undefined || reason === undefined) return;
    // Only one whose resets are used up is better than none.
    if (reason === LOW_ON_RESETS) member.drain(reason);
    else member.drainForGood(reason);
  }

  /** Says why one more is opened although there are enough: the one beyond `maxChannels` that there may be. */
  #rotationReason(): string | undefined {
    if (this.#ready > this.options.maxChannels) return undefined;
    const [member, reason] = this.#nextToReplace() ?? [];
    return member === undefined ? undefined : `connection ${member.id} is replaced: ${reason}`;
  }

  /** Ends what is on a connection, and the connection. */
  #giveUp(member: PooledChannel, reason: string, fault: TransportFault | undefined): void {
    this.observer.endCallsOn(member, reason, fault);
    void member.close(reason);
  }

  // ── what the policies want ────────────────────────────────────────────────────────────────────────────────────────

  #view(): PoolView {
    return {
      minChannels: this.#floor,
      maxChannels: this.options.maxChannels,
      channels: [...this.#all].map((member) => member.view()),
      keepaliveTimeMs: this.#keepaliveTimeMs,
      pingStrikes: this.#pingStrikes,
    };
  }

  #act(action: PolicyAction): void {
    if (action.kind === 'set-keepalive') {
      this.#keepaliveTimeMs = action.timeMs;
      this.#pingStrikes = 0;
      return;
    }
    const member = [...this.#all].find(({ id }) => id === action.channelId);
    if (member === undefined) return;
    if (action.kind === 'ping') {
      member.ping(action.timeoutMs ?? PING_TIMEOUT_MS, this.#keepaliveTimeMs ?? Infinity);
    } else if (action.kind === 'rotate') {
      this.#replaceLater(member, action.reason);
    } else if (action.kind === 'verify') {
      // One that cannot be asked is made anew.
      if (!member.requireVerification()) this.#replaceLater(member, action.reason);
    } else if (member.state === 'draining') {
      this.#giveUp(member, action.reason, member.fault);
    } else if (member.isLive && (member.inFlightCalls === 0 || this.#draining.hasPlace)) {
      member.drain(action.reason);
    }
  }

  #note(member: PooledChannel, fault: TransportFault): void {
    this.#lastFault = fault;
    this.#lastError = fault.detail;
    this.#countStrike(member, fault);
  }

  /** One that had sent PINGs more often than they are sent now tells nothing new. */
  #countStrike(member: PooledChannel, fault: TransportFault): void {
    if (fault.tag !== 'too-many-pings') return;
    if (member.keepaliveTimeMs >= (this.#keepaliveTimeMs ?? 0)) this.#pingStrikes += 1;
  }

  /** What the number of connections is decided on. O(1): it is asked for with each call. */
  #load(): Load {
    return {
      minChannels: this.#warming.size === 0 ? this.#floor : Math.max(this.#floor, ...this.#warming.values()),
      maxChannels: this.options.maxChannels,
      growAtRatio: this.options.growAtRatio,
      liveChannels: this.#ready,
      connectingChannels: this.#openings.size,
      usedStreams: this.#usedStreams,
      capacity: this.#capacity,
      queuedCalls: this.observer.queuedCalls(),
    };
  }

  // ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #create(): PooledChannel {
    this.#lastId += 1;
    const { target } = this.#settings;
    const keepalive = this.#seesSessions ? {} : this.#grpcJsKeepalive();
    const options = withRotatedAddresses(target, { ...keepalive, ...this.#settings.channelOptions }, this.#lastId);
    const keepaliveTimeMs = keepalive['grpc.keepalive_time_ms'] ?? Infinity;
    const settings = { ...this.#settings, channelOptions: options, keepaliveTimeMs };
    return new PooledChannel(this.#lastId, this.random.next(), settings, this);
  }

  /** What a server has found too often for one connection is too often for the next. */
  #grpcJsKeepalive(): ChannelOptions {
    const timeMs = this.#keepaliveOptions['grpc.keepalive_time_ms'];
    if (timeMs === undefined) return {};
    return { ...this.#keepaliveOptions, 'grpc.keepalive_time_ms': Math.max(timeMs, this.#keepaliveTimeMs ?? 0) };
  }

  /** One attempt, to its end: the next begins when this one is ready or has failed. */
  #open(isReplacement: boolean): Promise<void> {
    if (this.#closed) return Promise.resolve();
    try {
      const member = this.#spare ?? this.#create();
      this.#spare = undefined;
      this.#all.add(member);
      this.#placeAtBeat ??= this.#beat.join(this);
      return new Promise((settle) => {
        this.#opening = { member, isReplacement, settle };
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

  /** @param sinceMs how long ago the attempt began that has failed, where that was not just now. */
  #retryLater(sinceMs = 0): void {
    if (this.#closed || this.#retryTimer !== undefined) return;
    const delayMs = this.#backoff.next() - sinceMs;
    if (delayMs <= 0) return;
    this.#retryTimer = this.clock.setTimer(() => {
      this.#retryTimer = undefined;
      // Nobody asked since: the next call begins anew, and waits for its attempt instead of failing at once.
      if (this.#failing && !this.#demand && this.#floor === 0 && this.observer.queuedCalls() === 0) {
        this.#failing = false;
      }
      this.review();
    }, delayMs);
  }

  #retryNow(): void {
    if (this.#retryTimer !== undefined) this.clock.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
  }

  /** Keeps the sums over those that are ready, and the list of those with room, in step. O(1). */
  #refresh(member: PooledChannel): void {
    const { counted } = member;
    const isReady = member.state === 'ready';
    const ready = member.isLive ? 1 : 0;
    const usedStreams = isReady ? member.usedStreams : 0;
    const capacity = isReady ? member.maxConcurrentStreams : 0;
    this.#ready += ready - counted.ready;
    this.#usedStreams += usedStreams - counted.usedStreams;
    this.#capacity += capacity - counted.capacity;
    counted.ready = ready;
    counted.usedStreams = usedStreams;
    counted.capacity = capacity;
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
    if (this.#ready > 0) this.observer.onConnectivity(connectivityState.READY);
    else if (this.#failing) this.observer.onConnectivity(connectivityState.TRANSIENT_FAILURE);
    else if (this.#count('connecting') > 0) this.observer.onConnectivity(connectivityState.CONNECTING);
    else this.observer.onConnectivity(connectivityState.IDLE);
  }

  #count(state: ChannelState): number {
    let count = 0;
    for (const member of this.#all) if (member.state === state) count += 1;
    return count;
  }
}

/** The less, the sooner it may go. */
function placeOf(member: PooledChannel): number {
  return member.state === 'ready' ? member.inFlightCalls : -1;
}
