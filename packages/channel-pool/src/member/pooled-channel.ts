import { connectivityState, type ChannelInterface, type status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation, ChannelCall, ChannelState, ChannelView, TransportFault } from '@grpc-manifold/core';
import {
  endsCalls,
  faultOfFailedAttempt,
  faultOfLostCall,
  faultOfLostConnection,
  withAdvice,
  type Connection,
} from '@grpc-manifold/core/internal';
import { CallOutcomes } from './call-outcomes.js';
import { ConnectAttempt } from './connect-attempt.js';
import type { EndingStream } from './ending-streams.js';
import { LifeSigns } from './life-signs.js';
import { Lifecycle, type DrainingState } from './lifecycle.js';
import { connectionWith, type PooledChannelSettings } from './member-settings.js';
import type { MemberView } from '../pickers/picker.js';
import { ResetBudget } from './reset-budget.js';
import type { ChannelStats } from '../reports/stats.js';
import { StreamRoom } from './stream-room.js';
import { Vitals } from './vitals.js';

/** Who is told what becomes of a member. */
export interface PooledChannelObserver {
  onStateChange(channel: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void;
  /** There may be room for another call. */
  onRoom(channel: PooledChannel): void;
  /** The member has nearly used up its resets: another should take its place. */
  onLowResets(channel: PooledChannel): void;
  /** The connection gave no sign of life when it was asked for one. Its calls are lost. */
  onDeath(channel: PooledChannel, fault: TransportFault): void;
  /** The connection was verified before a call and gave no sign of life in time. */
  onUnverified(channel: PooledChannel, fault: TransportFault): void;
  /** Something went wrong with the connection while it drained. */
  onFault(channel: PooledChannel, fault: TransportFault): void;
  /** True when somebody waits for a connection. */
  isAwaited(): boolean;
  /** The member's calls call for a decision on it. */
  onVitals(channel: PooledChannel): void;
  /** False when this process was too busy to tell how long a call took that ended now. */
  wasPresent(sinceMs: number, nowMs: number): boolean;
}

/**
 * One member of the pool: one grpc-js channel that makes one connection in its life. It is never connected again. When
 * the connection is lost, was refused or falls silent, the member finishes its calls and another takes its place.
 * docs/life-of-a-member.md shows its states.
 */
export class PooledChannel implements MemberView {
  readonly #connection: Connection;
  readonly #resets: ResetBudget;
  readonly #room: StreamRoom;
  readonly #life: LifeSigns;
  readonly #attempt: ConnectAttempt;
  readonly #outcomes: CallOutcomes;
  readonly #lifecycle: Lifecycle;
  #connectedAtMs: number | undefined;
  #bornMs: number;
  #closing: Promise<number> | undefined;
  /** What its calls tell of the connection. */
  readonly vitals = new Vitals();
  /** The first fault of the connection, if there was one. */
  fault: TransportFault | undefined;
  /** Index among the members that have room, -1 for none. Kept by the pool. */
  availableIndex = -1;
  /** Its share of the pool's sums over the members that are ready. Kept by the pool. */
  readonly counted = { live: 0, usedStreams: 0, capacity: 0 };
  /** The shortest interval between PINGs that was in force when some were sent on it; Infinity for none. */
  keepaliveTimeMs: number;
  /** False once a call has shown that its channel has no call credentials of its own. */
  mayHaveCallCredentials = true;
  /** The channel of this member, for what only it can answer. */
  readonly channel: ChannelInterface;
  /** What is known of each call that went well on it; one object for all of them. */
  readonly carried: CallExplanation;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    readonly id: number,
    private readonly jitterFraction: number,
    private readonly settings: PooledChannelSettings,
    private readonly observer: PooledChannelObserver,
  ) {
    const { clock, connectTimeoutMs, maxStreamsPerChannel, resetBurst, silenceTimeoutMs } = settings;
    this.carried = Object.freeze({ channelId: id });
    this.#bornMs = clock.elapsed();
    this.keepaliveTimeMs = settings.keepaliveTimeMs;
    this.#resets = new ResetBudget(clock.elapsed(), resetBurst);
    const connection = (this.#connection = connectionWith(settings, id));
    this.channel = connection.channel;
    this.#life = new LifeSigns(clock, connection, silenceTimeoutMs, {
      startedCalls: () => this.startedCalls,
      onAnswer: () => {
        this.#room.heard();
        observer.onRoom(this);
      },
      onStalled: (fault) => this.retire('stalled', fault),
      onDeath: (fault) => observer.onDeath(this, fault),
      onUnverified: (fault) => observer.onUnverified(this, fault),
    });
    const limits = {
      maxStreamsPerChannel,
      get serverLimit() {
        return connection.serverLimit;
      },
    };
    this.#room = new StreamRoom(clock, this.#life, this.#resets, limits, {
      // An ejected member is not full.
      hasRoom: () => this.isEjected || this.hasRoom,
      onRoom: () => observer.onRoom(this),
      onStalled: (silentMs) => {
        const detail = `no sign of life for ${Math.round(silentMs)} ms while calls ended on it`;
        this.retire('stalled', { tag: 'stalled', detail });
      },
    });
    this.#outcomes = new CallOutcomes(this.vitals, connection, {
      onVitals: () => observer.onVitals(this),
      wasPresent: (sinceMs, nowMs) => observer.wasPresent(sinceMs, nowMs),
    });
    this.#attempt = new ConnectAttempt(clock, connectTimeoutMs, this.channel, {
      isAwaited: () => observer.isAwaited(),
      isConnecting: () => connection.isConnecting,
      onReady: () => this.#lifecycle.change({ name: 'ready' }, 'connected'),
      onRefused: (detail) => this.#fail(withAdvice(faultOfFailedAttempt(detail), settings.credentials)),
      onFailed: (fault) => this.#fail(fault),
    });
    this.#lifecycle = this.#makeLifecycle();
  }

  #makeLifecycle(): Lifecycle {
    return new Lifecycle(
      {
        connecting: { onLeave: () => this.#attempt.stop() },
        ready: { onEnter: () => (this.#connectedAtMs ??= this.settings.clock.elapsed()) },
        draining: {
          onTold: (state) => {
            if (!(state as DrainingState).isFollowed) this.#closeChannelSoon();
            this.#closeWhenEmpty();
          },
        },
        failed: { onTold: (_, reason) => void this.close(reason) },
        closed: {
          onEnter: () => {
            this.#life.close();
            this.#room.close();
          },
        },
      },
      (from, reason, fault) => this.observer.onStateChange(this, from, reason, fault),
    );
  }

  // ── what is known of it ───────────────────────────────────────────────────────────────────────────────────────────

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
    return this.#connection.peer;
  }

  /** Milliseconds since it began to connect. */
  get ageMs(): number {
    return this.settings.clock.elapsed() - this.#bornMs;
  }

  /** When its last call began or ended, on the clock's `elapsed()`; -Infinity when it had none. */
  get lastCallMs(): number {
    return this.startedCalls > 0 ? this.#room.lastUsedMs : -Infinity;
  }

  /** Milliseconds since it was ready for calls; 0 when it never was. */
  get connectedMs(): number {
    return this.#connectedAtMs === undefined ? 0 : this.settings.clock.elapsed() - this.#connectedAtMs;
  }

  /** True while it has nearly used up its resets; they grow back. */
  get isLowOnResets(): boolean {
    return this.#resets.isLow(this.settings.clock.elapsed());
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

  /** The lowest number that the stream of a call can have that is handed to it now; 0 where that is not known. */
  get nextStreamId(): number {
    return this.#connection.nextStreamId;
  }

  /** True when its server has said that it never acted on the stream of a call, whose number is the given one or higher. */
  neverActedOn(call: ChannelCall, lowestStreamId: number): boolean {
    return this.#connection.neverActedOn(call, lowestStreamId);
  }

  /** True when everything that was on it is lost, so that what ends now ends for that reason. */
  get isLost(): boolean {
    if (this.fault === undefined) return false;
    const { goaway } = this.#connection;
    // The connection of a stalled member is still open.
    return goaway === undefined ? !this.#life.canAsk : endsCalls(goaway);
  }

  /** Tells the fault of a call that ended because the socket had an error; undefined for all else. */
  lossOf(received: StatusObject): TransportFault | undefined {
    const { error, session } = this.#connection;
    const isGone = session === 'destroyed' || (session === 'unseen' && this.fault !== undefined);
    const fault = faultOfLostCall(received, { error, isGone });
    // The member may know better why.
    return fault !== undefined && this.isLost ? this.fault : fault;
  }

  // ── its calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

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

  /** A call that is timed was answered by headers. */
  answered(givenAtMs: number, nowMs: number): void {
    this.#outcomes.answered(givenAtMs, nowMs);
  }

  /** A call that is timed got its status without headers before it. */
  concluded(received: StatusObject, givenAtMs: number, nowMs: number): void {
    this.#outcomes.concluded(received, givenAtMs, nowMs);
  }

  /** We ended a call that is timed before it was answered. */
  unanswered(code: status, givenAtMs: number, nowMs: number): void {
    this.#outcomes.unanswered(code, givenAtMs, nowMs);
  }

  // ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Begins to connect. */
  connect(): void {
    this.#bornMs = this.settings.clock.elapsed();
    this.#attempt.begin();
    try {
      this.#connection.connect((state) => this.#onConnectivity(state));
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

  /** Takes no new calls from now on and closes when those in flight have ended. One that drains already notes the fault. */
  retire(reason: string, fault?: TransportFault): void {
    if (fault?.tag === 'stalled') this.#life.markStalled();
    if (this.state === 'draining' && fault !== undefined) return this.#noteFault(fault);
    this.#drain({ isReversible: false, isFollowed: false }, reason, fault);
  }

  /** Takes calls again. False unless it drains reversibly and its connection is still open. */
  undrain(reason: string): boolean {
    const { state } = this.#lifecycle;
    if (state.name !== 'draining' || !state.isReversible) return false;
    if (this.channel.getConnectivityState(false) !== connectivityState.READY) return false;
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
   * This process stood still, and the path to the other end may have forgotten the connection meanwhile: no call is put on it
   * before it is verified. Unlike {@link requireVerification} this applies to a connection with calls as well; where such a
   * connection cannot be asked, only its calls can tell. An attempt to connect proves itself.
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
    if (this.#connection.session === 'unseen') this.drain('it cannot be asked for a sign of life');
    else this.#life.verify();
  }

  /**
   * Closes the connection, whatever is on it. Resolves when no socket is left open, to the number of sockets that had to be
   * destroyed.
   */
  close(reason: string): Promise<number> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  // ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────

  view(): ChannelView {
    const nowMs = this.settings.clock.elapsed();
    const { state } = this.#lifecycle;
    const life = this.#life;
    const silentMs = life.look();
    return {
      id: this.id,
      state: this.state,
      isEjected: this.isEjected,
      jitterFraction: this.jitterFraction,
      inFlightCalls: this.inFlightCalls,
      ageMs: this.connectedMs,
      idleMs: this.#idleMs(nowMs),
      silentMs,
      drainingMs: state.name === 'draining' ? nowMs - state.sinceMs : 0,
      canPing: life.canAsk,
      pings: life.pings,
      pingedMs: life.pingedMs,
      isPinging: life.isPinging,
      keepaliveTimeMs: this.keepaliveTimeMs,
    };
  }

  stats(): ChannelStats {
    const nowMs = this.settings.clock.elapsed();
    const { peer } = this;
    return Object.freeze({
      id: this.id,
      state: this.state,
      inFlightCalls: this.inFlightCalls,
      endingStreams: this.#room.endingStreams,
      maxConcurrentStreams: this.maxConcurrentStreams,
      learnedFromServer: this.#connection.serverLimit === this.maxConcurrentStreams,
      ageMs: this.ageMs,
      idleMs: this.#idleMs(nowMs),
      startedCalls: this.startedCalls,
      failedCalls: this.failedCalls,
      ...(peer === undefined ? {} : { peer }),
    });
  }

  #idleMs(nowMs: number): number {
    return this.inFlightCalls > 0 ? 0 : nowMs - this.#room.lastUsedMs;
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** False while it may carry no call, whatever its streams are. */
  get #takesCalls(): boolean {
    return this.#lifecycle.state.name === 'ready' && !this.#life.needsVerification;
  }

  #onConnectivity(seen: connectivityState): void {
    const { state } = this.#lifecycle;
    if (state.name === 'connecting') return this.#attempt.see(seen);
    if (seen === connectivityState.READY) return;
    if (this.isLive) this.#onLost();
    else if (state.name === 'draining' && state.isFollowed) this.#onLostWhileDraining();
  }

  /** grpc-js leaves READY when the connection was lost, when the server said GOAWAY, and when it was idle for too long. */
  #onLost(): void {
    const fault = this.#lossFault();
    if (fault === undefined) this.retire('idle');
    else this.retire(this.#connection.goaway === undefined ? 'connection lost' : 'GOAWAY', fault);
  }

  /** It cannot be undrained any more. Its calls are to say why. */
  #onLostWhileDraining(): void {
    const fault = this.#lossFault();
    if (fault === undefined) this.#stopFollowing();
    else this.#noteFault(fault);
  }

  /** Why grpc-js has no connection any more; undefined when the connection is open and was idle. */
  #lossFault(): TransportFault | undefined {
    const { session, goaway, error } = this.#connection;
    if (session === 'open') return undefined;
    return faultOfLostConnection({ goaway, error, hasResetMany: this.isLowOnResets });
  }

  /** Something went wrong with it while it drained: it is not undrained, and its channel makes no other connection. */
  #noteFault(fault: TransportFault): void {
    this.fault ??= fault;
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
    this.fault ??= fault;
    this.#lifecycle.change({ name: 'draining', ...kind, sinceMs: this.settings.clock.elapsed() }, reason, fault);
  }

  #closeWhenEmpty(): void {
    if (this.inFlightCalls === 0) void this.close('its last call has ended');
  }

  /**
   * A channel whose connection goes away would make another for the calls that were refused with it (grpc-js retries them
   * once, retrying-call.ts). A closed channel lets its calls in flight finish, and gives those back to the pool. It is
   * closed in the next tick, because closing inside grpc-js's own state callbacks brings the channel back to life, and in
   * no later one: by then it has begun to connect.
   */
  #closeChannelSoon(): void {
    process.nextTick(() => this.#connection.closeChannel());
  }

  #fail(fault: TransportFault): void {
    if (this.state !== 'connecting') return;
    this.fault ??= fault;
    this.#lifecycle.change({ name: 'failed' }, fault.detail, fault);
  }

  #close(reason: string): Promise<number> {
    this.#lifecycle.change({ name: 'closed' }, reason);
    return this.#connection.close(reason);
  }
}
