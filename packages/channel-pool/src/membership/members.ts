import { connectivityState, type ChannelInterface } from '@grpc/grpc-js';
import type { ChannelState, PoolView, TransportFault } from '@grpc-manifold/core';
import type { Clock, Random } from '@grpc-manifold/core/internal';
import type { PooledChannel, PooledChannelObserver } from '../member/pooled-channel.js';
import { UNSEEN_LIMIT } from '../member/stream-room.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import type { PickOutcome } from '../pickers/picker.js';
import { ASK_AFTER_MS } from '../watches/life-watch.js';
import { beatOf, type BeatListener, type ProcessBeat } from '../watches/process-beat.js';
import type { MembersObserver, TakingCall } from './members-observer.js';
import { MembersParts, type MembersSettings } from './members-parts.js';

/** The connections of a pool. Routes what happens to the parts that decide on it. */
export class Members implements PooledChannelObserver, BeatListener {
  readonly #parts: MembersParts;
  readonly #beat: ProcessBeat;
  #joined: WeakRef<BeatListener> | undefined;
  #isClosed = false;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    settings: MembersSettings,
    private options: ResolvedChannelPoolOptions,
    private readonly clock: Clock,
    random: Random,
    private readonly observer: MembersObserver,
  ) {
    this.#beat = beatOf(clock);
    this.#parts = new MembersParts(settings, clock, random, observer, this, {
      options: () => this.options,
      view: () => this.#view(),
      tellConnectivity: () => this.#tellConnectivity(),
      onRetry: () => this.#onRetry(),
      onIdle: (idleMs) => this.#onIdle(idleMs),
      onLimits: () => this.#onLimits(),
      onAttempt: (member) => this.#onAttempt(member),
      onImpossible: (error) => this.#onImpossible(error),
      replace: (member, reason) => this.#replace(member, reason),
      giveUp: (...args) => this.#giveUp(...args),
    });
    const { channel } = this.#parts.attempts.first.connection;
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
    return this.#parts.roster.open;
  }

  /** Members that take no new calls and still have some. */
  get drainingChannels(): number {
    return this.#parts.draining.count;
  }

  get closedChannels(): number {
    return this.#parts.roster.closedChannels;
  }

  /** What went wrong with the last connection that failed or was lost. */
  get lastFault(): TransportFault | undefined {
    return this.#parts.outage.lastFault;
  }

  get lastError(): string | undefined {
    return this.#parts.outage.lastError;
  }

  /** The last error when no connection is left and none could be made; undefined otherwise. */
  get failure(): string | undefined {
    return this.#parts.outage.failure;
  }

  /** True while a connection is open that was not given up. */
  get hasLive(): boolean {
    return this.#parts.roster.live > 0;
  }

  /** Streams that may be on the connections that are ready. */
  get streamCapacity(): number {
    return this.#parts.roster.streamCapacity;
  }

  /** Streams on connections that may still be opened; none while no connection can be had. */
  get roomToCome(): number {
    if (this.#parts.outage.isFailing) return 0;
    const { maxChannels, maxStreamsPerChannel } = this.options;
    return Math.max(0, maxChannels - this.#parts.roster.live) * (maxStreamsPerChannel ?? UNSEEN_LIMIT);
  }

  /** The interval between PINGs that a policy has set. */
  get keepaliveTimeMs(): number | undefined {
    return this.#parts.policyActions.keepaliveTimeMs;
  }

  /** True when the picker wants to hear how calls went. */
  get tellsPicker(): boolean {
    return this.#parts.selection.tellsPicker;
  }

  // ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Picks a member for a call and counts the call in, in one step. Undefined when no member has room. The caller hands
   * the call over in the same tick, and then asks for a {@link review}.
   */
  take(call: TakingCall): PooledChannel | undefined {
    const nowMs = this.#beat.look();
    return this.#countIn(call, this.#parts.selection.pick(call), nowMs);
  }

  /** The same for a call that the given member has refused: picks another one. */
  takeOther(call: TakingCall, than: PooledChannel): PooledChannel | undefined {
    const nowMs = this.#beat.look();
    return this.#countIn(call, this.#parts.selection.pickOther(than), nowMs);
  }

  #countIn(call: TakingCall, member: PooledChannel | undefined, nowMs: number): PooledChannel | undefined {
    if (member === undefined) return undefined;
    // Calls are timed where the picker wants to hear how they went, or connections are ejected.
    call.handedAtMs = this.tellsPicker || this.#parts.ejector.isOn ? nowMs : -1;
    member.countIn(call.handedAtMs);
    this.#parts.roster.refresh(member);
    this.#parts.usage.use();
    this.#parts.ejector.watch();
    this.#parts.lifeWatch.watch(member);
    return member;
  }

  /** Opens another connection when load asks for it. Cheap when it does not. */
  review(): void {
    this.#parts.growth.review();
  }

  /** Tells the picker how a call went. */
  callEnded(member: PooledChannel, outcome: PickOutcome): void {
    this.#parts.selection.callEnded(member, outcome);
  }

  /** Somebody requests a connection: opens what is missing, and verifies connections that were silent for long. */
  requestConnection(): void {
    this.#parts.usage.request();
    for (const member of this.#parts.roster.open) member.verify();
    this.#parts.growth.review();
  }

  /**
   * Calls wait although connections are open: asks those for a sign of life that need one, and looks for room again
   * soon.
   */
  watchLimits(): void {
    for (const member of this.#parts.roster.open) member.verify();
    this.#parts.growth.review();
    this.#parts.growth.watchLimits();
  }

  /** Opens that many connections for somebody who waits for them; says whether they are ready. */
  warm(who: object, channels: number): boolean {
    const count = Math.min(channels, this.options.maxChannels);
    this.#parts.usage.warm(who, count);
    this.#parts.usage.request();
    const isWarm = this.#parts.roster.live >= count;
    if (!isWarm) this.#parts.growth.review();
    return isWarm;
  }

  /** Somebody does not wait for warm connections any more. */
  stopWarming(who: object): void {
    this.#parts.usage.stopWarming(who);
  }

  /** Changes the bounds. What is beyond a smaller one is drained, and no call is dropped. */
  update(options: ResolvedChannelPoolOptions): void {
    this.observer.during(() => {
      this.options = options;
      this.#parts.roster.refreshAll();
      this.#parts.shrinking.keepMaximum();
      this.#parts.shrinking.watchWhereTooMany();
      this.#parts.usage.changed();
      this.#parts.policies.changed();
      this.observer.onRoom();
      this.#parts.growth.review();
    });
  }

  /**
   * Closes every connection. Resolves when no socket is left open, to the number of sockets that had to be destroyed.
   */
  async close(reason: string): Promise<number> {
    this.#isClosed = true;
    this.#parts.close();
    // Also those that have closed by themselves just now, as they do when their last call is cancelled.
    const members = [...this.#parts.roster.withSockets, ...this.#parts.attempts.close()];
    const forced = await Promise.all(members.map((member) => member.close(reason)));
    return forced.reduce((sum, count) => sum + count, 0);
  }

  // ── what the members tell ─────────────────────────────────────────────────────────────────────────────────────────

  onRoom(member: PooledChannel): void {
    this.#parts.roster.refresh(member);
    this.observer.onRoom();
  }

  onLowResets(member: PooledChannel): void {
    if (this.#parts.rotation.addLowOnResets(member)) this.#parts.growth.review();
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
    if (this.#parts.draining.mayDrain) member.drainForGood(fault.detail);
  }

  onFault(member: PooledChannel, fault: TransportFault): void {
    this.#note(member, fault);
    this.observer.during(() => this.#parts.draining.review());
    this.#parts.policies.changed();
  }

  onVitals(): void {
    this.#parts.ejector.judge();
  }

  wasPresent(sinceMs: number, nowMs: number): boolean {
    return this.#parts.ejector.wasPresent(sinceMs, nowMs);
  }

  isAwaited(): boolean {
    return this.#parts.usage.isAwaited;
  }

  /** The path to the other ends may have forgotten the connections: each is verified before its next call. */
  onStandstill(): void {
    for (const member of this.#parts.roster.open) {
      member.requireVerificationAfterStandstill();
      this.#parts.roster.refresh(member);
    }
    // Calls that wait already have to ask for it.
    this.clock.soon(() => this.observer.onRoom());
  }

  onStateChange(member: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void {
    this.observer.during(() => this.#changed(member, from, reason, fault));
  }

  #changed(member: PooledChannel, from: ChannelState, reason: string, fault: TransportFault | undefined): void {
    const to = member.state;
    this.#parts.roster.refresh(member);
    if (from === 'ready') this.#parts.selection.release(member);
    if (fault !== undefined) this.#note(member, fault);
    this.observer.onStateChange({ id: member.id, from, to, reason, ...(fault === undefined ? {} : { fault }) });
    const isReplacement = this.#parts.attempts.end(member);
    this.#parts.policies.changed();
    this.#parts.ejector.connectionsChanged();
    if (from === 'failed' && to === 'ready') this.observer.onRoom();
    else if (to === 'ready') this.#onReady(isReplacement);
    else if (member.isEjected) this.#parts.growth.review();
    else if (to === 'failed') this.#onFailed();
    else if (to === 'draining') this.#onDraining(member);
    else if (to === 'closed') this.#onClosed(member);
  }

  #onReady(isReplacement: boolean): void {
    this.#parts.outage.isFailing = false;
    this.#parts.usage.requestMet();
    this.observer.onRoom();
    this.#tellConnectivity();
    if (isReplacement && this.observer.takesCalls()) this.#parts.rotation.replaceOne();
    this.#parts.shrinking.keepMaximum();
    this.#parts.shrinking.watch();
    this.#parts.growth.review();
  }

  #onAttempt(member: PooledChannel): void {
    this.#parts.roster.add(member);
    this.#joined ??= this.#beat.join(this);
    this.#tellConnectivity();
  }

  #onImpossible(error: unknown): void {
    this.#parts.outage.noteError(error);
    this.#onFailed();
  }

  #onFailed(): void {
    this.#parts.outage.backOff();
    if (this.#parts.roster.live > 0) return;
    this.#parts.outage.isFailing = true;
    this.#tellConnectivity();
    this.observer.onNoConnection(this.failure as string);
  }

  #onDraining(member: PooledChannel): void {
    this.#parts.outage.onDraining(member, this.#parts.roster.live);
    this.#parts.draining.review();
    // As a plain channel, which connects again with the next call.
    if (this.#parts.roster.live === 0 && !this.#parts.usage.isInUse) this.#parts.usage.forget();
    this.#tellConnectivity();
    this.#parts.growth.review();
  }

  #onClosed(member: PooledChannel): void {
    this.#parts.roster.remove(member);
    this.#parts.usage.closed(member.lastCallMs);
    if (this.#parts.roster.open.size === 0) this.#leaveBeat();
    this.#parts.rotation.remove(member);
    this.#parts.draining.review();
    this.#parts.shrinking.keepMaximum();
    this.#parts.growth.review();
  }

  // ── what the parts ask for ────────────────────────────────────────────────────────────────────────────────────────

  #onRetry(): void {
    const { isRequested, minChannels } = this.#parts.usage;
    const isWanted = isRequested || minChannels > 0 || this.observer.queuedCalls() > 0;
    // Nobody asked since: the next call begins anew, and waits for its attempt instead of failing at once.
    if (!isWanted) this.#parts.outage.isFailing = false;
    this.#parts.growth.review();
  }

  #onLimits(): void {
    for (const member of this.#parts.roster.open) member.askWhenSilent(ASK_AFTER_MS);
    this.#parts.roster.refreshAll();
    this.observer.onRoom();
  }

  /** Nobody uses the pool: closes what need not be kept, and opens nothing until the next call. */
  #onIdle(idleMs: number): void {
    this.observer.during(() => {
      this.#parts.usage.forget();
      this.#parts.shrinking.rest(idleMs);
    });
  }

  #replace(member: PooledChannel, reason: string): void {
    if (this.#parts.rotation.add(member, reason)) this.#parts.growth.review();
  }

  /** Ends what is on a connection, and the connection. */
  #giveUp(member: PooledChannel, reason: string, fault: TransportFault | undefined): void {
    this.observer.endCallsOn(member, reason, fault);
    void member.close(reason);
  }

  #view(): PoolView {
    return {
      minChannels: this.#parts.usage.minChannels,
      maxChannels: this.options.maxChannels,
      channels: [...this.#parts.roster.open].map((member) => member.view()),
      keepaliveTimeMs: this.keepaliveTimeMs,
      pingStrikes: this.#parts.policyActions.pingStrikes,
    };
  }

  #note(member: PooledChannel, fault: TransportFault): void {
    this.#parts.outage.note(fault);
    this.#parts.policyActions.countStrike(member, fault);
  }

  #leaveBeat(): void {
    if (this.#joined !== undefined) this.#beat.leave(this.#joined);
    this.#joined = undefined;
  }

  #tellConnectivity(): void {
    if (this.#isClosed) return;
    if (this.#parts.roster.live > 0) this.observer.onConnectivity(connectivityState.READY);
    else if (this.#parts.outage.isFailing) this.observer.onConnectivity(connectivityState.TRANSIENT_FAILURE);
    else if (this.#parts.roster.has('connecting')) this.observer.onConnectivity(connectivityState.CONNECTING);
    else this.observer.onConnectivity(connectivityState.IDLE);
  }
}
