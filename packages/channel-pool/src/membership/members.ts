import { connectivityState, type ChannelInterface } from '@grpc/grpc-js';
import type { ChannelState, PoolView, TransportFault } from '@grpc-manifold/core';
import type { Clock, Random } from '@grpc-manifold/core/internal';
import { Ejector } from '../ejection/ejector.js';
import type { PooledChannel, PooledChannelObserver } from '../member/pooled-channel.js';
import { UNSEEN_LIMIT } from '../member/stream-room.js';
import { MemberMaker, type MemberMakerSettings } from '../opening/member-maker.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import type { PickOutcome } from '../pickers/picker.js';
import { PolicyRunner } from '../policies/policy-runner.js';
import { ASK_AFTER_MS, LifeWatch } from '../watches/life-watch.js';
import { beatOf, type BeatListener, type ProcessBeat } from '../watches/process-beat.js';
import { Attempts } from './attempts.js';
import { Draining } from './draining.js';
import { Growth } from './growth.js';
import type { MembersObserver, TakingCall } from './members-observer.js';
import { Outage } from './outage.js';
import { PolicyActions } from './policy-actions.js';
import { Roster } from './roster.js';
import { Rotation } from './rotation.js';
import type { ScaleDecision } from './scaling.js';
import { Selection } from './selection.js';
import { Shrinking } from './shrinking.js';
import { Usage } from './usage.js';

/** The connections of a pool. Routes what happens to the parts that decide on it. */
export class Members implements PooledChannelObserver, BeatListener {
  readonly #roster = new Roster();
  readonly #selection: Selection;
  readonly #usage: Usage;
  readonly #growth: Growth;
  readonly #shrinking: Shrinking;
  readonly #draining: Draining;
  readonly #rotation: Rotation;
  readonly #outage: Outage;
  readonly #ejector: Ejector;
  readonly #policies: PolicyRunner;
  readonly #policyActions: PolicyActions;
  readonly #lifeWatch: LifeWatch;
  readonly #beat: ProcessBeat;
  readonly #attempts: Attempts;
  #joined: WeakRef<BeatListener> | undefined;
  #isClosed = false;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    settings: Omit<
      MemberMakerSettings,
      'maxStreamsPerChannel' | 'connectTimeoutMs' | 'silenceTimeoutMs' | 'channelFactory'
    >,
    private options: ResolvedChannelPoolOptions,
    private readonly clock: Clock,
    random: Random,
    private readonly observer: MembersObserver,
  ) {
    const roster = this.#roster;
    const { connectTimeoutMs, silenceTimeoutMs, channelFactory } = options;
    const limits = { connectTimeoutMs, silenceTimeoutMs, channelFactory };
    const current = (): ResolvedChannelPoolOptions => this.options;
    const during = <T>(operation: () => T): T => observer.during(operation);
    const onScale = (decision: ScaleDecision): void => observer.onScale(decision);
    const queuedCalls = (): number => observer.queuedCalls();

    this.#beat = beatOf(clock);
    this.#lifeWatch = new LifeWatch(clock, roster.open);
    this.#outage = new Outage(options, clock, random, () => this.#onRetry());
    this.#ejector = new Ejector(clock, {
      open: roster.open,
      isOn: () => this.options.ejectOutliers && this.options.maxChannels > 1,
      during,
      // The calls of a key go to one connection, and may be slow by themselves.
      measuresLatency: () => this.options.affinity === undefined,
      onRoom: () => observer.onRoom(),
    });
    this.#selection = new Selection(settings.target, roster, options, clock, random, () => this.#ejector.takeTrial());
    this.#draining = new Draining({
      open: roster.open,
      maxDrainingChannels: () => this.options.maxDrainingChannels,
      giveUp: (...args) => this.#giveUp(...args),
      onAlarm: (alarm) => observer.onAlarm(alarm),
    });
    this.#rotation = new Rotation(roster, this.#draining);
    this.#usage = new Usage(roster, clock, {
      options: current,
      isAwaited: () => observer.isAwaited(),
      onIdle: (idleMs) => this.#onIdle(idleMs),
    });
    this.#shrinking = new Shrinking(roster, this.#draining, clock, {
      options: current,
      minChannels: () => this.#usage.minChannels,
      queuedCalls,
      takePeak: () => observer.takePeak(),
      during,
      onScale,
    });
    this.#growth = new Growth(roster, this.#usage, this.#rotation, clock, {
      options: current,
      queuedCalls,
      takesCalls: () => observer.takesCalls(),
      isBackingOff: () => this.#outage.isBackingOff,
      beforeOpening: () => observer.beforeOpening(),
      during,
      onScale,
      undrain: (reason) => this.#shrinking.undrain(reason),
      connect: (isReplacement) => this.#attempts.begin(isReplacement),
      onReviewed: () => this.#tellConnectivity(),
      onLimits: () => this.#onLimits(),
    });
    this.#policyActions = new PolicyActions(roster, this.#draining, {
      replace: (member, reason) => this.#replace(member, reason),
      giveUp: (...args) => this.#giveUp(...args),
    });
    this.#policies = new PolicyRunner(options.policies, clock, {
      target: settings.target,
      view: () => this.#view(),
      act: (action) => this.#policyActions.act(action),
    });
    const maxStreamsPerChannel = (): number | undefined => this.options.maxStreamsPerChannel;
    const own = { ...settings, ...limits, maxStreamsPerChannel };
    this.#attempts = new Attempts(new MemberMaker(own, random, () => this.keepaliveTimeMs, this), {
      onBegun: (member) => this.#onAttempt(member),
      onImpossible: (error) => this.#onImpossible(error),
    });
    const { channel } = this.#attempts.first;
    this.target = channel.getTarget();
    this.channelzRef = channel.getChannelzRef();
  }

  /** The target as grpc-js writes it. */
  readonly target: string;
  /** The channelz reference of the first connection's channel. */
  readonly channelzRef: ReturnType<ChannelInterface['getChannelzRef']>;

  // ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Members that are not closed. */
  get open(): ReadonlySet<PooledChannel> {
    return this.#roster.open;
  }

  /** Members that take no new calls and still have some. */
  get drainingChannels(): number {
    return this.#draining.count;
  }

  get closedChannels(): number {
    return this.#roster.closedChannels;
  }

  /** What went wrong with the last connection that failed or was lost. */
  get lastFault(): TransportFault | undefined {
    return this.#outage.lastFault;
  }

  get lastError(): string | undefined {
    return this.#outage.lastError;
  }

  /** The last error when no connection is left and none could be made; undefined otherwise. */
  get failure(): string | undefined {
    return this.#outage.failure;
  }

  /** True while a connection is open that was not given up. */
  get hasLive(): boolean {
    return this.#roster.live > 0;
  }

  /** Streams that may be on the connections that are ready. */
  get streamCapacity(): number {
    return this.#roster.streamCapacity;
  }

  /** Streams on connections that may still be opened; none while no connection can be had. */
  get roomToCome(): number {
    if (this.#outage.isFailing) return 0;
    const { maxChannels, maxStreamsPerChannel } = this.options;
    return Math.max(0, maxChannels - this.#roster.live) * (maxStreamsPerChannel ?? UNSEEN_LIMIT);
  }

  /** The interval between PINGs that a policy has set. */
  get keepaliveTimeMs(): number | undefined {
    return this.#policyActions.keepaliveTimeMs;
  }

  /** True when the picker wants to hear how calls went. */
  get tellsPicker(): boolean {
    return this.#selection.tellsPicker;
  }

  // ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Picks a member for a call and counts the call in, in one step. Undefined when no member has room. The caller hands the
   * call over in the same tick, and then asks for a {@link review}.
   */
  take(call: TakingCall): PooledChannel | undefined {
    const nowMs = this.#beat.look();
    return this.#countIn(call, this.#selection.pick(call), nowMs);
  }

  /** The same for a call that the given member has refused: picks another one. */
  takeOther(call: TakingCall, than: PooledChannel): PooledChannel | undefined {
    const nowMs = this.#beat.look();
    return this.#countIn(call, this.#selection.pickOther(than), nowMs);
  }

  #countIn(call: TakingCall, member: PooledChannel | undefined, nowMs: number): PooledChannel | undefined {
    if (member === undefined) return undefined;
    // Calls are timed where the picker wants to hear how they went, or connections are ejected.
    call.handedAtMs = this.tellsPicker || this.#ejector.isOn ? nowMs : -1;
    member.countIn(call.handedAtMs);
    this.#roster.refresh(member);
    this.#usage.use();
    this.#ejector.watch();
    this.#lifeWatch.watch(member);
    return member;
  }

  /** Opens another connection when load asks for it. Cheap when it does not. */
  review(): void {
    this.#growth.review();
  }

  /** Tells the picker how a call went. */
  callEnded(member: PooledChannel, outcome: PickOutcome): void {
    this.#selection.callEnded(member, outcome);
  }

  /** Somebody requests a connection: opens what is missing, and verifies connections that were silent for long. */
  requestConnection(): void {
    this.#usage.request();
    for (const member of this.#roster.open) member.verify();
    this.#growth.review();
  }

  /** Calls wait although connections are open: asks those for a sign of life that need one, and looks for room again soon. */
  watchLimits(): void {
    for (const member of this.#roster.open) member.verify();
    this.#growth.review();
    this.#growth.watchLimits();
  }

  /** Opens that many connections for somebody who waits for them; says whether they are ready. */
  warm(who: object, channels: number): boolean {
    const count = Math.min(channels, this.options.maxChannels);
    this.#usage.warm(who, count);
    this.#usage.request();
    const isWarm = this.#roster.live >= count;
    if (!isWarm) this.#growth.review();
    return isWarm;
  }

  /** Somebody does not wait for warm connections any more. */
  stopWarming(who: object): void {
    this.#usage.stopWarming(who);
  }

  /** Changes the bounds. What is beyond a smaller one is drained, and no call is dropped. */
  update(options: ResolvedChannelPoolOptions): void {
    this.observer.during(() => {
      this.options = options;
      this.#roster.refreshAll();
      this.#shrinking.keepMaximum();
      this.#shrinking.watchWhereTooMany();
      this.#usage.changed();
      this.#policies.changed();
      this.observer.onRoom();
      this.#growth.review();
    });
  }

  /** Closes every connection. Resolves when no socket is left open, to the number of sockets that had to be destroyed. */
  async close(reason: string): Promise<number> {
    this.#isClosed = true;
    for (const part of [this.#policies, this.#ejector, this.#usage, this.#lifeWatch]) part.close();
    for (const part of [this.#outage, this.#growth, this.#shrinking]) part.close();
    // Also those that have closed by themselves just now, as they do when their last call is cancelled.
    const members = [...this.#roster.withSockets, ...this.#attempts.close()];
    const forced = await Promise.all(members.map((member) => member.close(reason)));
    return forced.reduce((sum, count) => sum + count, 0);
  }

  // ── what the members tell ─────────────────────────────────────────────────────────────────────────────────────────

  onRoom(member: PooledChannel): void {
    this.#roster.refresh(member);
    this.observer.onRoom();
  }

  onLowResets(member: PooledChannel): void {
    if (this.#rotation.addLowOnResets(member)) this.#growth.review();
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
    if (this.#draining.hasPlace) member.drainForGood(fault.detail);
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
    return this.#usage.isAwaited;
  }

  /** The path to the other ends may have forgotten the connections: each is verified before its next call. */
  onStandstill(): void {
    for (const member of this.#roster.open) {
      member.requireVerificationAfterStandstill();
      this.#roster.refresh(member);
    }
    // Calls that wait already have to ask for it.
    this.clock.soon(() => this.observer.onRoom());
  }

  onStateChange(member: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void {
    this.observer.during(() => this.#changed(member, from, reason, fault));
  }

  #changed(member: PooledChannel, from: ChannelState, reason: string, fault: TransportFault | undefined): void {
    const to = member.state;
    this.#roster.refresh(member);
    if (from === 'ready') this.#selection.release(member);
    if (fault !== undefined) this.#note(member, fault);
    this.observer.onStateChange({ id: member.id, from, to, reason, ...(fault === undefined ? {} : { fault }) });
    const isReplacement = this.#attempts.end(member);
    this.#policies.changed();
    this.#ejector.connectionsChanged();
    if (from === 'failed' && to === 'ready') this.observer.onRoom();
    else if (to === 'ready') this.#onReady(isReplacement);
    else if (member.isEjected) this.#growth.review();
    else if (to === 'failed') this.#onFailed();
    else if (to === 'draining') this.#onDraining(member);
    else if (to === 'closed') this.#onClosed(member);
  }

  #onReady(isReplacement: boolean): void {
    this.#outage.isFailing = false;
    this.#usage.requestMet();
    this.observer.onRoom();
    this.#tellConnectivity();
    if (isReplacement && this.observer.takesCalls()) this.#rotation.replaceOne();
    this.#shrinking.keepMaximum();
    this.#shrinking.watch();
    this.#growth.review();
  }

  #onAttempt(member: PooledChannel): void {
    this.#roster.add(member);
    this.#joined ??= this.#beat.join(this);
    this.#tellConnectivity();
  }

  #onImpossible(error: unknown): void {
    this.#outage.noteError(error);
    this.#onFailed();
  }

  #onFailed(): void {
    this.#outage.backOff();
    if (this.#roster.live > 0) return;
    this.#outage.isFailing = true;
    this.#tellConnectivity();
    this.observer.onNoConnection(this.failure as string);
  }

  #onDraining(member: PooledChannel): void {
    this.#outage.onDraining(member, this.#roster.live);
    this.#draining.review();
    // As a plain channel, which connects again with the next call.
    if (this.#roster.live === 0 && !this.#usage.isInUse) this.#usage.forget();
    this.#tellConnectivity();
    this.#growth.review();
  }

  #onClosed(member: PooledChannel): void {
    this.#roster.remove(member);
    this.#usage.closed(member.lastCallMs);
    if (this.#roster.open.size === 0) this.#leaveBeat();
    this.#rotation.remove(member);
    this.#draining.review();
    this.#shrinking.keepMaximum();
    this.#growth.review();
  }

  // ── what the parts ask for ────────────────────────────────────────────────────────────────────────────────────────

  #onRetry(): void {
    const isWanted = this.#usage.hasRequest || this.#usage.minChannels > 0 || this.observer.queuedCalls() > 0;
    // Nobody asked since: the next call begins anew, and waits for its attempt instead of failing at once.
    if (!isWanted) this.#outage.isFailing = false;
    this.#growth.review();
  }

  #onLimits(): void {
    for (const member of this.#roster.open) member.askWhenSilent(ASK_AFTER_MS);
    this.#roster.refreshAll();
    this.observer.onRoom();
  }

  /** Nobody uses the pool: closes what need not be kept, and opens nothing until the next call. */
  #onIdle(idleMs: number): void {
    this.observer.during(() => {
      this.#usage.forget();
      this.#shrinking.rest(idleMs);
    });
  }

  #replace(member: PooledChannel, reason: string): void {
    if (this.#rotation.add(member, reason)) this.#growth.review();
  }

  /** Ends what is on a connection, and the connection. */
  #giveUp(member: PooledChannel, reason: string, fault: TransportFault | undefined): void {
    this.observer.endCallsOn(member, reason, fault);
    void member.close(reason);
  }

  #view(): PoolView {
    return {
      minChannels: this.#usage.minChannels,
      maxChannels: this.options.maxChannels,
      channels: [...this.#roster.open].map((member) => member.view()),
      keepaliveTimeMs: this.keepaliveTimeMs,
      pingStrikes: this.#policyActions.pingStrikes,
    };
  }

  #note(member: PooledChannel, fault: TransportFault): void {
    this.#outage.note(fault);
    this.#policyActions.countStrike(member, fault);
  }

  #leaveBeat(): void {
    if (this.#joined !== undefined) this.#beat.leave(this.#joined);
    this.#joined = undefined;
  }

  #tellConnectivity(): void {
    if (this.#isClosed) return;
    if (this.#roster.live > 0) this.observer.onConnectivity(connectivityState.READY);
    else if (this.#outage.isFailing) this.observer.onConnectivity(connectivityState.TRANSIENT_FAILURE);
    else if (this.#roster.has('connecting')) this.observer.onConnectivity(connectivityState.CONNECTING);
    else this.observer.onConnectivity(connectivityState.IDLE);
  }
}
