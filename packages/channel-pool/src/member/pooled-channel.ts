import { connectivityState } from '@grpc/grpc-js';
import type { CallExplanation, ChannelState, ChannelView, TransportFault } from '@grpc-manifold/core';
import type { Clock, Connection } from '@grpc-manifold/core/internal';
import type { CallOutcomes } from './call-outcomes.js';
import type { ConnectionLoss } from './connection-loss.js';
import type { EndingStream } from './ending-streams.js';
import type { LifeSigns } from './life-signs.js';
import type { DrainingState, Lifecycle } from './lifecycle.js';
import type { MemberObserver } from './member-observer.js';
import { MemberParts, type MemberCommands } from './member-parts.js';
import { channelStats, memberView } from './member-reports.js';
import type { PooledChannelSettings } from './member-settings.js';
import type { MemberView } from '../pickers/picker.js';
import type { ChannelStats } from '../reports/stats.js';
import type { StreamRoom } from './stream-room.js';
import type { Vitals } from './vitals.js';

/** Who is told what becomes of a member. */
export type PooledChannelObserver = MemberObserver<PooledChannel>;

/**
 * One member of the pool: one grpc-js channel that makes one connection in its life. It is never connected again. When
 * the connection is lost, was refused or falls silent, the member finishes its calls and another takes its place.
 * docs/life-of-a-member.md shows its states.
 */
export class PooledChannel implements MemberView {
  readonly #parts: MemberParts<PooledChannel>;
  /** The connection and its channel, for the calls on it. */
  readonly connection: Connection;
  /** Tells whether the connection was lost, and why. */
  readonly loss: ConnectionLoss;
  readonly #clock: Clock;
  readonly #room: StreamRoom;
  readonly #life: LifeSigns;
  readonly #lifecycle: Lifecycle;
  #bornMs: number;
  #closing: Promise<number> | undefined;
  /** What its calls tell of the connection. */
  readonly vitals: Vitals;
  /** Notes in {@link vitals} how timed calls ended. */
  readonly outcomes: CallOutcomes;
  /** Index among the members that have room, -1 for none. Kept by the pool. */
  availableIndex = -1;
  /** Its share of the pool's sums over the members that are ready. Kept by the pool. */
  readonly counted = { live: 0, usedStreams: 0, capacity: 0 };
  /** The shortest interval between PINGs that was in force when some were sent on it; Infinity for none. */
  keepaliveTimeMs: number;
  /** False once a call has shown that its channel has no call credentials of its own. */
  mayHaveCallCredentials = true;
  /** What is known of each call that went well on it; one object for all of them. */
  readonly carried: CallExplanation;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    readonly id: number,
    private readonly jitterFraction: number,
    settings: PooledChannelSettings,
    private readonly observer: PooledChannelObserver,
  ) {
    this.#clock = settings.clock;
    this.#bornMs = this.#clock.elapsed();
    this.carried = Object.freeze({ channelId: id });
    this.keepaliveTimeMs = settings.keepaliveTimeMs;
    const commands: MemberCommands = {
      // An ejected member is not full.
      hasRoom: () => this.isEjected || this.hasRoom,
      retire: (reason, fault) => this.retire(reason, fault),
      fail: (fault) => this.#fail(fault),
      onDraining: () => this.#closeWhenEmpty(),
      close: (reason) => void this.close(reason),
    };
    const parts = (this.#parts = new MemberParts(id, settings, this, commands, observer));
    this.connection = parts.connection;
    this.loss = parts.loss;
    this.vitals = parts.vitals;
    this.outcomes = parts.outcomes;
    this.#room = parts.room;
    this.#life = parts.life;
    this.#lifecycle = parts.lifecycle;
  }

  get state(): ChannelState {
    return this.#lifecycle.shown;
  }

  /** True while its connection is open and was not given up. */
  get isLive(): boolean {
    return this.#lifecycle.isLive;
  }

  /** True while its calls go on and it gets no new ones. */
  get isEjected(): boolean {
    return this.#lifecycle.state.name === 'ejected';
  }

  get inFlightCalls(): number {
    return this.#room.inFlightCalls;
  }

  get startedCalls(): number {
    return this.#room.startedCalls;
  }

  get failedCalls(): number {
    return this.#room.failedCalls;
  }

  get usedStreams(): number {
    return this.#room.usedStreams;
  }

  get maxConcurrentStreams(): number {
    return this.#room.maxConcurrentStreams;
  }

  get limitedBy(): NonNullable<CallExplanation['limitedBy']> {
    return this.#room.limitedBy;
  }

  get hasRoom(): boolean {
    return this.#takesCalls && this.#room.isFree;
  }

  /** True when it is ejected and could carry a call. */
  get hasTrialRoom(): boolean {
    return this.isEjected && !this.#life.needsVerification && this.#room.isBelowLimit;
  }

  /** Address and port of the other end, once connected. */
  get peer(): string | undefined {
    return this.connection.peer;
  }

  /** Milliseconds since it began to connect. */
  get ageMs(): number {
    return this.#clock.elapsed() - this.#bornMs;
  }

  /** When its last call began or ended, on the clock's `elapsed()`; -Infinity when it had none. */
  get lastCallMs(): number {
    return this.startedCalls > 0 ? this.#room.lastUsedMs : -Infinity;
  }

  /** Milliseconds since it was ready for calls; 0 when it never was. */
  get connectedMs(): number {
    return this.#parts.connectedAtMs === undefined ? 0 : this.#clock.elapsed() - this.#parts.connectedAtMs;
  }

  /** True while it has nearly used up its resets; they grow back. */
  get isLowOnResets(): boolean {
    return this.#parts.resets.isLow(this.#clock.elapsed());
  }

  /** True when the other end has answered a call on it. */
  get hasAnswered(): boolean {
    return this.#life.messages > 0;
  }

  /** True when it was found to be stalled and has shown no life since. */
  get isStalled(): boolean {
    return this.#life.isStalled;
  }

  /** A number that grows with everything that comes in. */
  get lifeSigns(): number {
    return this.#life.count;
  }

  /** True when it has calls, and some were put on it since it was asked the last question that it answered. */
  get hasUnprovenCalls(): boolean {
    return this.inFlightCalls > 0 && this.startedCalls > this.#life.provenCalls;
  }

  /** True where the pool can send PINGs on it. */
  get canPing(): boolean {
    return this.#life.canAsk;
  }

  /** The first fault of the connection, if there was one. */
  get fault(): TransportFault | undefined {
    return this.loss.fault;
  }

  /** Counts a call in. `nowMs` where calls are timed, else -1. */
  countIn(nowMs: number): void {
    if (nowMs >= 0) this.vitals.given(nowMs);
    this.#room.countIn();
  }

  /** Counts a call out: the other end has ended it, or we have and its stream is still to be ended. */
  countOut(ending: 'answered' | 'failed' | EndingStream): void {
    const isOurs = typeof ending !== 'string';
    this.#room.countOut(isOurs && this.state === 'closed' ? undefined : ending);
    this.observer.onRoom(this);
    if (this.state === 'draining') this.#closeWhenEmpty();
    if (isOurs && this.isLowOnResets) this.observer.onLowResets(this);
  }

  /** The other end has ended a stream that we had given up. */
  abandonedEnded(stream: EndingStream): void {
    this.#room.ended(stream);
  }

  /** Something of a call came in. */
  sawLife(): void {
    this.#life.heard();
    if (this.#room.heard()) this.observer.onRoom(this);
  }

  /** Begins to connect. */
  connect(): void {
    this.#bornMs = this.#clock.elapsed();
    this.#parts.attempt.begin();
    try {
      this.connection.connect((state) => this.#onConnectivity(state));
    } catch (error) {
      this.#fail({ tag: 'connect-failed', detail: String(error) });
    }
  }

  /** Takes no calls until it is {@link readmit}ted; those that it has go on. */
  eject(reason: string, fault?: TransportFault): void {
    this.#lifecycle.change({ name: 'ejected' }, reason, fault);
  }

  /** Takes calls again after it was ejected. */
  readmit(reason: string): void {
    if (this.isEjected) this.#lifecycle.change({ name: 'ready' }, reason);
  }

  /** Drains it although it works, because other connections are enough or better. {@link undrain} reverses it. */
  drain(reason: string): void {
    this.#drain({ isReversible: true, isFollowed: true }, reason);
  }

  /** Drains it although it works, because another has taken its place for good. */
  drainForGood(reason: string): void {
    this.#drain({ isReversible: false, isFollowed: true }, reason);
  }

  /**
   * Takes no new calls from now on and closes when those in flight have ended. One that drains already notes the fault.
   */
  retire(reason: string, fault?: TransportFault): void {
    if (fault?.tag === 'stalled') this.#life.markStalled();
    if (this.state === 'draining' && fault !== undefined) return this.#noteFault(fault);
    this.#drain({ isReversible: false, isFollowed: false }, reason, fault);
  }

  /** Takes calls again. False unless it drains reversibly and its connection is still open. */
  undrain(reason: string): boolean {
    const { state } = this.#lifecycle;
    if (state.name !== 'draining' || !state.isReversible) return false;
    if (this.connection.channel.getConnectivityState(false) !== connectivityState.READY) return false;
    return this.#lifecycle.change({ name: 'ready' }, reason);
  }

  /** Asks the other end for a sign of life. False where it cannot be asked. */
  askForLife(): boolean {
    return this.#life.ask();
  }

  /** Asks the other end for a sign of life when it has calls, and nothing was heard of it for so long. */
  askWhenSilent(silentMs: number): void {
    if (this.inFlightCalls > 0 && this.#life.look() >= silentMs) this.#life.ask();
  }

  /** Sends a PING; without an answer within `timeoutMs` the observer is told of its death. */
  ping(timeoutMs: number, keepaliveTimeMs: number): void {
    if (!this.isLive && this.state !== 'draining') return;
    const { pings } = this.#life;
    this.#life.ping(timeoutMs);
    if (this.#life.pings > pings) this.keepaliveTimeMs = Math.min(this.keepaliveTimeMs, keepaliveTimeMs);
  }

  /**
   * From now on it gets no call before {@link verify} has asked it for a sign of life and it has answered. Ignored by a
   * member that has calls. False where it cannot be asked.
   */
  requireVerification(): boolean {
    if (!this.isLive || this.inFlightCalls > 0 || this.#life.needsVerification) return true;
    if (!this.#life.canAsk) return false;
    this.#life.requireVerification();
    this.observer.onRoom(this);
    return true;
  }

  /**
   * This process stood still, and the path to the other end may have forgotten the connection meanwhile: no call is put
   * on it before it is verified. Unlike {@link requireVerification} this applies to a connection with calls as well;
   * where such a connection cannot be asked, only its calls can tell. An attempt to connect proves itself.
   */
  requireVerificationAfterStandstill(): void {
    if (!this.isLive && this.state !== 'draining') return;
    if (!this.#life.canAsk && this.inFlightCalls > 0) return;
    this.#life.requireVerification();
  }

  /** Somebody waits for a connection: asks this one for a sign of life, where that keeps it from taking calls. */
  verify(): void {
    if (!this.isLive) return;
    if (!this.#life.needsVerification) return this.#room.askWhenHeldBack();
    if (this.connection.session === 'unseen') this.drain('it cannot be asked for a sign of life');
    else this.#life.verify();
  }

  /**
   * Closes the connection, whatever is on it. Resolves when no socket is left open, to the number of sockets that had
   * to be destroyed.
   */
  close(reason: string): Promise<number> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  view(): ChannelView {
    return memberView(this, this.#lifecycle.state, this.#life, this.#clock.elapsed(), this.jitterFraction);
  }

  stats(): ChannelStats {
    return channelStats(this, this.connection.serverLimit);
  }

  /** Milliseconds since its last call began or ended; 0 while one runs. */
  get idleMs(): number {
    return this.inFlightCalls > 0 ? 0 : this.#clock.elapsed() - this.#room.lastUsedMs;
  }

  /** Streams that still have to end on it. */
  get endingStreams(): number {
    return this.#room.endingStreams;
  }

  /** False while it may carry no call, whatever its streams are. */
  get #takesCalls(): boolean {
    return this.#lifecycle.state.name === 'ready' && !this.#life.needsVerification;
  }

  #onConnectivity(seen: connectivityState): void {
    const { state } = this.#lifecycle;
    if (state.name === 'connecting') return this.#parts.attempt.see(seen);
    if (seen === connectivityState.READY) return;
    if (this.isLive) this.#onLost();
    else if (state.name === 'draining' && state.isFollowed) this.#onLostWhileDraining();
  }

  /**
   * grpc-js leaves READY when the connection was lost, when the server said GOAWAY, and when it was idle for too long.
   */
  #onLost(): void {
    const fault = this.loss.find();
    if (fault === undefined) this.retire('idle');
    else this.retire(this.connection.goaway === undefined ? 'connection lost' : 'GOAWAY', fault);
  }

  /** It cannot be undrained any more. Its calls are to say why. */
  #onLostWhileDraining(): void {
    const fault = this.loss.find();
    if (fault === undefined) this.#stopFollowing();
    else this.#noteFault(fault);
  }

  /** Something went wrong with it while it drained: it is not undrained, and its channel makes no other connection. */
  #noteFault(fault: TransportFault): void {
    this.loss.fault ??= fault;
    this.#stopFollowing();
    this.observer.onFault(this, fault);
  }

  #stopFollowing(): void {
    const { state } = this.#lifecycle;
    if (state.name !== 'draining' || !state.isFollowed) return;
    this.#lifecycle.change({ ...state, isReversible: false, isFollowed: false }, '');
  }

  #drain(kind: Omit<DrainingState, 'name' | 'sinceMs'>, reason: string, fault?: TransportFault): void {
    if (!this.isLive) return;
    this.loss.fault ??= fault;
    this.#lifecycle.change({ name: 'draining', ...kind, sinceMs: this.#clock.elapsed() }, reason, fault);
  }

  #closeWhenEmpty(): void {
    if (this.inFlightCalls === 0) void this.close('its last call has ended');
  }

  #fail(fault: TransportFault): void {
    if (this.state !== 'connecting') return;
    this.loss.fault ??= fault;
    this.#lifecycle.change({ name: 'failed' }, fault.detail, fault);
  }

  #close(reason: string): Promise<number> {
    this.#lifecycle.change({ name: 'closed' }, reason);
    return this.connection.close(reason);
  }
}
