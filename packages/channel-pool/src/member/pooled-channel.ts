import {
  connectivityState,
  Metadata,
  status,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
  type StatusObject,
} from '@grpc/grpc-js';
import {
  connectionOf,
  endsCalls,
  faultOfFailedAttempt,
  faultOfLostCall,
  faultOfLostConnection,
  withAdvice,
  ObservedConnection,
  wasSent,
  type CallExplanation,
  type ChannelCall,
  type ChannelFactory,
  type ChannelState,
  type ChannelView,
  type Clock,
  type Connection,
  type Timer,
  type TransportFault,
} from '@grpc-manifold/core';
import { EndingStreams, type EndingStream } from './ending-streams.js';
import { LifeSigns } from './life-signs.js';
import type { MemberView } from '../pickers/picker.js';
import { ResetBudget } from './reset-budget.js';
import type { ChannelStats } from '../reports/stats.js';
import { streamFault } from './stream-faults.js';
import { Vitals } from './vitals.js';

/**
 * Milliseconds after which a TCP connection that is still unanswered, and that nobody waits for, is given up: a pending
 * connect holds the process whatever the socket says (libuv counts the request, not the handle).
 */
const UNAWAITED_CONNECT_MS = 1_000;

/** Streams that are put on a connection whose server's limit cannot be seen. */
export const UNSEEN_LIMIT = 100;
/** Streams that are put on any connection at the most. */
const HIGHEST_LIMIT = 1_000;
/** Calls that are put on a connection beyond its last sign of life (docs/decisions/0024), and when it is asked for one. */
const UNANSWERED_CALLS = 100;
const ASK_AT_CALLS = UNANSWERED_CALLS / 2;

/** What one connection is made of. */
export interface PooledChannelSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly channelFactory: ChannelFactory | undefined;
  /** The limit that the user has set; read anew each time. */
  readonly maxStreamsPerChannel: () => number | undefined;
  readonly connectTimeoutMs: number;
  /** Milliseconds for which a question for a sign of life may be unanswered before its calls end; Infinity for ever. */
  readonly silenceTimeoutMs: number;
  /** Milliseconds between the PINGs that its channel sends by itself; Infinity when it sends none. */
  readonly keepaliveTimeMs: number;
  /** Resets that it may send at once; see {@link ResetBudget}. */
  readonly resetBurst: number;
  readonly clock: Clock;
}

/** Who is told what becomes of a connection. */
export interface PooledChannelObserver {
  onStateChange(channel: PooledChannel, from: ChannelState, reason: string, fault?: TransportFault): void;
  /** There may be room for another call. */
  onRoom(channel: PooledChannel): void;
  /** It has nearly used up its resets: another should take its place. */
  onLowResets(channel: PooledChannel): void;
  /** It gave no sign of life when it was asked for one: whatever is on it is lost. */
  onDeath(channel: PooledChannel, fault: TransportFault): void;
  /** It was verified before a call and gave no sign of life in time. */
  onUnverified(channel: PooledChannel, fault: TransportFault): void;
  /** Something went wrong with it while it drained. */
  onFault(channel: PooledChannel, fault: TransportFault): void;
  /** True when somebody waits for a connection. */
  isAwaited(): boolean;
  /** Its calls call for a decision on it. */
  onVitals(channel: PooledChannel): void;
  /** False when this process was too busy to tell how long a call took that ended now. */
  wasPresent(sinceMs: number, nowMs: number): boolean;
}

/**
 * One member of the pool: one grpc-js channel that makes one connection in its life. It is never connected again: when
 * the connection is lost, was refused or falls silent, the member finishes what it has and another takes its place.
 *
 * `connecting → ready → draining → closed`, or `connecting → failed → closed`. While it is ejected it is `failed` as well, beside
 * `ready`: its connection is there, and its calls go on.
 */
export class PooledChannel implements MemberView {
  readonly #connection: Connection;
  readonly #resets: ResetBudget;
  readonly #endings: EndingStreams;
  #connectedAtMs: number | undefined;
  #bornMs: number;
  #state: ChannelState = 'connecting';
  #watchdog: Timer | undefined;
  #unawaited: Timer | undefined;
  readonly #life: LifeSigns;
  #drainingSinceMs: number | undefined;
  #lastUsedMs: number;
  /** Calls that were put on it since the last sign of life, at the least. */
  #unansweredCalls = 0;
  /** {@link lifeSigns} when the {@link ASK_AT_CALLS}th of these was put on it. */
  #lifeAtMark = 0;
  /** Its channel is kept while it drains: the connection is there, and can be asked for life. */
  #isLetGo = false;
  #mayReturn = false;
  /** True while others are told that it drains: they are to look for another first. */
  #isRetiring = false;
  /** {@link lifeSigns} when it was found to be stalled. */
  #stalledAtLife: number | undefined;
  #isEjected = false;
  #hasFailed = false;
  #closing: Promise<number> | undefined;
  /** What its calls tell of it. */
  readonly vitals = new Vitals();
  /** What went wrong with it, if anything did. */
  fault: TransportFault | undefined;
  /** Place among the members that have room, -1 for none. Kept by the pool. */
  availableIndex = -1;
  /** Its share of the pool's sums over those that are ready. Kept by the pool. */
  readonly counted = { ready: 0, usedStreams: 0, capacity: 0 };
  /** The shortest interval between PINGs that was in force when some were sent on it; Infinity for none. */
  keepaliveTimeMs: number;
  inFlightCalls = 0;
  /** False once a call has shown that its channel has no call credentials of its own. */
  mayHaveCallCredentials = true;
  startedCalls = 0;
  failedCalls = 0;
  /** The channel of this member, for what only it can answer. */
  readonly channel: ChannelInterface;
  /** What is to be known of a call that went well on it; one for all of them. */
  readonly carried: CallExplanation;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    readonly id: number,
    /** Drawn for it, from 0 to below 1: what policies scatter by. */
    private readonly jitterFraction: number,
    private readonly settings: PooledChannelSettings,
    private readonly observer: PooledChannelObserver,
  ) {
    const { clock, resetBurst } = settings;
    this.carried = Object.freeze({ channelId: id });
    this.#bornMs = this.#lastUsedMs = clock.elapsed();
    this.keepaliveTimeMs = settings.keepaliveTimeMs;
    this.#resets = new ResetBudget(clock.elapsed(), resetBurst);
    this.#connection = connectionWith(settings, id);
    this.channel = this.#connection.channel;
    this.#life = new LifeSigns(clock, this.#connection, settings.silenceTimeoutMs, {
      startedCalls: () => this.startedCalls,
      onAnswer: () => {
        this.#unansweredCalls = 0;
        this.#endings.review();
        this.observer.onRoom(this);
      },
      onStalled: (fault) => this.retire('stalled', fault),
      onDeath: (fault) => this.observer.onDeath(this, fault),
      onUnverified: (fault) => this.observer.onUnverified(this, fault),
    });
    this.#endings = new EndingStreams(
      clock,
      this.#resets,
      {
        lifeSigns: () => this.#life.count,
        // One that is ejected is not full.
        hasRoom: () => this.#isEjected || this.hasRoom,
        probe: () => this.#life.ask(),
      },
      {
        onRoom: () => this.observer.onRoom(this),
        onStalled: (silentMs) =>
          this.retire('stalled', {
            tag: 'stalled',
            detail: `no sign of life for ${Math.round(silentMs)} ms while calls ended on it`,
          }),
      },
    );
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** True while its connection is there and was not given up. */
  get isLive(): boolean {
    return this.#state === 'ready' || this.#isEjected;
  }

  /** True when it is ejected and could carry a call. */
  get hasTrialRoom(): boolean {
    return this.#isEjected && !this.#life.needsVerification && this.usedStreams < this.maxConcurrentStreams;
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
    return this.startedCalls > 0 ? this.#lastUsedMs : -Infinity;
  }

  /** Milliseconds since it was ready for calls; 0 when it never was. */
  get connectedMs(): number {
    return this.#connectedAtMs === undefined ? 0 : this.settings.clock.elapsed() - this.#connectedAtMs;
  }

  get usedStreams(): number {
    return this.inFlightCalls + this.#endings.count;
  }

  /** Streams that may be on the connection: what the user has set, or the server's limit where that is less or alone. */
  get maxConcurrentStreams(): number {
    const ours = this.settings.maxStreamsPerChannel();
    const servers = this.#connection.serverLimit;
    if (servers === undefined) return ours ?? UNSEEN_LIMIT;
    return Math.min(ours ?? HIGHEST_LIMIT, servers);
  }

  /** Whose limit {@link maxConcurrentStreams} is. */
  get limitedBy(): NonNullable<CallExplanation['limitedBy']> {
    const ours = this.settings.maxStreamsPerChannel();
    const servers = this.#connection.serverLimit;
    if (servers !== undefined && servers <= (ours ?? HIGHEST_LIMIT)) return 'server';
    return ours === undefined ? 'default' : 'maxStreamsPerChannel';
  }

  get hasRoom(): boolean {
    return (
      this.#state === 'ready' &&
      !this.#life.needsVerification &&
      this.usedStreams < this.maxConcurrentStreams &&
      (this.#unansweredCalls < UNANSWERED_CALLS ||
        this.settings.maxStreamsPerChannel() !== undefined ||
        this.#isAlive())
    );
  }

  /**
   * A connection that was given many calls since it last showed life gets no more before it has shown some. What a stopped server
   * costs is so bounded by this number, however many streams it allows. Calls and questions tell when they were answered; of other
   * bytes is only known whether they came after the mark, and so behind half of the calls.
   */
  #isAlive(): boolean {
    if (this.#life.count <= this.#lifeAtMark) {
      this.#life.ask();
      return false;
    }
    this.#unansweredCalls = ASK_AT_CALLS;
    this.#markLife();
    return true;
  }

  /** It is asked before it is full, so that one that lives has answered by then. */
  #markLife(): void {
    this.#lifeAtMark = this.#life.count;
    if (this.settings.maxStreamsPerChannel() === undefined) this.#life.ask();
  }

  /** Begins to connect. */
  connect(): void {
    const { clock, connectTimeoutMs } = this.settings;
    this.#bornMs = clock.elapsed();
    if (connectTimeoutMs !== Infinity) {
      this.#watchdog = clock.setTimer(() => {
        this.#fail({ tag: 'connect-timeout', detail: `not ready within connectTimeoutMs ${connectTimeoutMs}` });
      }, connectTimeoutMs);
    }
    this.#giveUpUnawaited();
    try {
      this.#connection.connect((state) => {
        if (this.#isFollowed) this.#onConnectivity(state);
      });
    } catch (error) {
      this.#fail({ tag: 'connect-failed', detail: String(error) });
    }
  }

  /**
   * Counts a call in. In the same tick as it is picked, so that a burst spreads.
   *
   * @param nowMs where calls are timed, else -1.
   */
  begin(nowMs: number): void {
    if (nowMs >= 0) this.vitals.given(nowMs);
    this.inFlightCalls += 1;
    this.startedCalls += 1;
    this.#unansweredCalls += 1;
    if (this.#unansweredCalls === ASK_AT_CALLS) this.#markLife();
  }

  /** Counts a call out that the other end has ended. */
  finish(ok: boolean): void {
    if (!ok) this.failedCalls += 1;
    if (this.#unansweredCalls > 0) this.#unansweredCalls -= 1;
    this.#release();
  }

  /** Counts a call out that we ended: its stream takes up room until the connection has dealt with it. */
  abandon(stream: EndingStream): void {
    if (this.#state !== 'closed') this.#endings.end(stream);
    this.#release();
    if (this.isLowOnResets) this.observer.onLowResets(this);
  }

  /** The other end has ended a stream that we had given up. */
  abandonedEnded(stream: EndingStream): void {
    this.#endings.ended(stream);
  }

  /** True while it has nearly used up its resets; they grow back. */
  get isLowOnResets(): boolean {
    return this.#resets.isLow(this.settings.clock.elapsed());
  }

  /** True when the other end has answered a call on it. */
  get hasAnswered(): boolean {
    return this.#life.messages > 0;
  }

  /** Something of a call came in. */
  sawLife(): void {
    this.#life.heard();
    this.#endings.review();
    const wasFull = this.#unansweredCalls >= UNANSWERED_CALLS;
    this.#unansweredCalls = 0;
    if (wasFull) this.observer.onRoom(this);
  }

  /** A call that is timed was answered by headers. */
  answered(givenAtMs: number, nowMs: number): void {
    if (this.vitals.answered(givenAtMs, nowMs, this.observer.wasPresent(givenAtMs, nowMs))) {
      this.observer.onVitals(this);
    }
  }

  /** A call that is timed got its status without headers before it. */
  concluded(received: StatusObject, givenAtMs: number, nowMs: number): void {
    if (received.code === status.OK || wasSent(received.metadata)) return this.answered(givenAtMs, nowMs);
    // Streams that go down with their connection are not its doing.
    const fault = this.#connection.session === 'destroyed' ? undefined : streamFault(received);
    if (fault === undefined) this.vitals.dropped(givenAtMs);
    else if (this.vitals.broken(fault, givenAtMs, nowMs)) this.observer.onVitals(this);
  }

  /** A call that is timed was ended by us before it was answered. */
  unanswered(code: status, givenAtMs: number, nowMs: number): void {
    if (code !== status.DEADLINE_EXCEEDED) this.vitals.dropped(givenAtMs);
    else if (this.vitals.missed(givenAtMs, nowMs, this.observer.wasPresent(givenAtMs, nowMs))) {
      this.observer.onVitals(this);
    }
  }

  /** Takes no calls until it is {@link readmit}ted; those that it has go on. */
  eject(reason: string, fault?: TransportFault): void {
    if (this.#state !== 'ready') return;
    this.#isEjected = true;
    this.#change('failed', reason, fault);
  }

  /** Takes calls again after it was ejected. */
  readmit(reason: string): void {
    if (!this.#isEjected) return;
    this.#isEjected = false;
    this.#change('ready', reason);
  }

  /** True when it was found to be stalled and has shown no life since. */
  get isStalled(): boolean {
    return this.#stalledAtLife === this.#life.count;
  }

  /** A number that grows with everything that comes in. */
  get lifeSigns(): number {
    return this.#life.count;
  }

  /** Asks the other end for a sign of life. False where it cannot be asked. */
  askForLife(): boolean {
    return this.#life.ask();
  }

  /** True when it has calls, and some were put on it since it was asked the last question that it answered. */
  get hasUnprovenCalls(): boolean {
    return this.inFlightCalls > 0 && this.startedCalls > this.#life.provenCalls;
  }

  /** Asks the other end for a sign of life when it has calls, and nothing was heard of it for so long. */
  askWhenSilent(silentMs: number): void {
    if (this.inFlightCalls > 0 && this.#life.silentMs >= silentMs) this.#life.ask();
  }

  /** Takes no new calls from now on and closes when those in flight have ended. One that drains already notes the fault. */
  retire(reason: string, fault?: TransportFault): void {
    if (fault?.tag === 'stalled') this.#stalledAtLife = this.#life.count;
    if (this.#state === 'draining' && fault !== undefined) return this.#fault(fault);
    if (!this.isLive) return;
    this.#isEjected = false;
    this.#drainingSinceMs = this.settings.clock.elapsed();
    this.#isRetiring = true;
    this.#change('draining', reason, fault);
    this.#isRetiring = false;
    // Whoever was told of it may have closed it.
    if (this.#state !== 'draining') return;
    if (!this.#isLetGo) this.#closeChannelSoon();
    this.#closeWhenEmpty();
  }

  /** Retires it although it works, because others are enough or better; {@link undrain} undoes it. */
  drain(reason: string): void {
    this.#isLetGo = this.#mayReturn = true;
    this.retire(reason);
  }

  /** Retires it although it works, because another has taken its place for good. */
  drainForGood(reason: string): void {
    this.#isLetGo = true;
    this.#mayReturn = false;
    this.retire(reason);
  }

  /** Takes calls again. False unless it was let go and its connection is still there. */
  undrain(reason: string): boolean {
    if (this.#state !== 'draining' || this.#isRetiring || !this.#isLetGo || !this.#mayReturn) return false;
    if (this.channel.getConnectivityState(false) !== connectivityState.READY) return false;
    this.#isLetGo = false;
    this.#drainingSinceMs = undefined;
    this.#change('ready', reason);
    return true;
  }

  /** Sends a PING; without an answer within `timeoutMs` the observer is told of its death. */
  ping(timeoutMs: number, keepaliveTimeMs: number): void {
    if (!this.isLive && this.#state !== 'draining') return;
    const { pings } = this.#life;
    this.#life.ping(timeoutMs);
    if (this.#life.pings > pings) this.keepaliveTimeMs = Math.min(this.keepaliveTimeMs, keepaliveTimeMs);
  }

  /**
   * Doubts it: before it gets another call it is asked for a sign of life, by {@link verify}. One that has calls, or cannot be
   * asked, is not doubted. False where it cannot be asked.
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
   * before it is verified. Unlike {@link requireVerification} this applies to a connection with calls as well; where such a connection
   * cannot be asked, only its calls can tell. An attempt to connect proves itself.
   */
  requireVerificationAfterStandstill(): void {
    if (!this.isLive && this.#state !== 'draining') return;
    if (!this.#life.canAsk && this.inFlightCalls > 0) return;
    this.#life.requireVerification();
  }

  /** Somebody waits for a connection: asks this one for a sign of life, if it is in doubt. */
  verify(): void {
    if (!this.isLive || !this.#life.needsVerification) return;
    if (this.#connection.session === 'unseen') this.drain('it cannot be asked for a sign of life');
    else this.#life.verify();
  }

  /** The lowest number that the stream of a call can have that is handed to it now; 0 where that is not known. */
  get nextStreamId(): number {
    return this.#connection.nextStreamId;
  }

  /** True when its server has said that it never acted on the stream of a call, whose number is the given one or higher. */
  neverActedOn(call: ChannelCall, lowestStreamId: number): boolean {
    return this.#connection.neverActedOn(call, lowestStreamId);
  }

  /** True when everything that was on it is lost, so that what ends now ends for that. */
  get isLost(): boolean {
    if (this.fault === undefined) return false;
    const { goaway } = this.#connection;
    // One that is stalled is there still.
    return goaway === undefined ? !this.#life.canAsk : endsCalls(goaway);
  }

  /** Tells the fault of a call that ended because the socket had an error; undefined for all else. */
  lossOf(received: StatusObject): TransportFault | undefined {
    const { error, session } = this.#connection;
    const isGone = session === 'destroyed' || (session === 'unseen' && this.fault !== undefined);
    const fault = faultOfLostCall(received, { error, isGone });
    // It may be known better why.
    return fault !== undefined && this.isLost ? this.fault : fault;
  }

  /**
   * Closes the connection, whatever is on it. Resolves to the number of sockets that had to be destroyed when none is
   * left open.
   */
  close(reason: string): Promise<number> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /** True where the pool can send PINGs on it. */
  get canPing(): boolean {
    return this.#life.canAsk;
  }

  view(): ChannelView {
    const nowMs = this.settings.clock.elapsed();
    const life = this.#life;
    return {
      id: this.id,
      state: this.#state,
      jitterFraction: this.jitterFraction,
      inFlightCalls: this.inFlightCalls,
      ageMs: this.connectedMs,
      idleMs: this.#idleMs(nowMs),
      silentMs: life.silentMs,
      drainingMs: this.#drainingSinceMs === undefined ? 0 : nowMs - this.#drainingSinceMs,
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
      state: this.#state,
      inFlightCalls: this.inFlightCalls,
      endingStreams: this.#endings.count,
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
    return this.inFlightCalls > 0 ? 0 : nowMs - this.#lastUsedMs;
  }

  #release(): void {
    this.inFlightCalls -= 1;
    // Only then is it idle; asking for the time costs more than picking.
    if (this.inFlightCalls === 0) this.#lastUsedMs = this.settings.clock.elapsed();
    this.#endings.review();
    this.observer.onRoom(this);
    if (this.#state === 'draining') this.#closeWhenEmpty();
  }

  #closeWhenEmpty(): void {
    if (this.inFlightCalls === 0) void this.close('its last call has ended');
  }

  /** What becomes of a connection that was given up is nobody's concern. */
  get #isFollowed(): boolean {
    if (this.#state === 'draining') return this.#isLetGo;
    return this.#state === 'connecting' || this.isLive;
  }

  #onConnectivity(seen: connectivityState): void {
    if (this.isLive) {
      if (seen !== connectivityState.READY) this.#onLost();
    } else if (this.#state === 'draining') {
      if (seen !== connectivityState.READY) this.#loseLetGo();
    } else if (seen === connectivityState.READY) {
      this.#stopWatchdog();
      this.#connectedAtMs = this.settings.clock.elapsed();
      this.#change('ready', 'connected');
    } else if (seen === connectivityState.TRANSIENT_FAILURE) {
      this.#hasFailed = true;
      this.#stopWatchdog();
      void this.#askWhy().then(
        (detail) => this.#fail(withAdvice(faultOfFailedAttempt(detail), this.settings.credentials)),
        (error: unknown) => this.#fail({ tag: 'connect-failed', detail: String(error) }),
      );
    }
  }

  /** grpc-js leaves READY when the connection was lost, when the server said GOAWAY, and when it was idle for too long. */
  #onLost(): void {
    const fault = this.#lossFault();
    if (fault === undefined) this.retire('idle');
    else this.retire(this.#connection.goaway === undefined ? 'connection lost' : 'GOAWAY', fault);
  }

  /** Why grpc-js has no connection any more; undefined when it is there and was idle. */
  #lossFault(): TransportFault | undefined {
    const { session, goaway, error } = this.#connection;
    if (session === 'open') return undefined;
    return faultOfLostConnection({ goaway, error, hasResetMany: this.isLowOnResets });
  }

  /** There is nothing left to take back. Its calls are to say why. */
  #loseLetGo(): void {
    const fault = this.#lossFault();
    if (fault === undefined) this.#stopFollowing();
    else this.#fault(fault);
  }

  /** Something went wrong with it while it drained: it is not taken back, and its channel makes no other connection. */
  #fault(fault: TransportFault): void {
    this.fault ??= fault;
    this.#stopFollowing();
    this.observer.onFault(this, fault);
  }

  #stopFollowing(): void {
    if (!this.#isLetGo) return;
    this.#isLetGo = false;
    this.#closeChannelSoon();
  }

  /**
   * A channel whose connection goes away would make another for the calls that were refused with it (grpc-js retries them
   * once, retrying-call.ts); a closed one lets its calls in flight finish, and gives those back to the pool. In the next tick,
   * because closing inside grpc-js's own state callbacks brings the channel back to life, and in no later one: by then it
   * has begun to connect.
   */
  #closeChannelSoon(): void {
    process.nextTick(() => this.#connection.closeChannel());
  }

  /**
   * A channel tells its last error only to a call that it fails, which in this state it does at once and without
   * sending anything.
   */
  #askWhy(): Promise<string> {
    return new Promise((resolve) => {
      const call = this.channel.createCall('/grpc-manifold/why', Infinity, null, null, null);
      call.start(new Metadata(), {
        onReceiveMetadata: () => undefined,
        onReceiveMessage: () => undefined,
        onReceiveStatus: (status) => resolve(status.details),
      });
    });
  }

  #fail(fault: TransportFault): void {
    if (this.#state !== 'connecting') return;
    this.#change('failed', fault.detail, fault);
    void this.close(fault.detail);
  }

  #close(reason: string): Promise<number> {
    this.#stopWatchdog();
    this.#life.close();
    this.#endings.close();
    this.#isEjected = false;
    this.#change('closed', reason);
    return this.#connection.close(reason);
  }

  #giveUpUnawaited(): void {
    const { clock } = this.settings;
    this.#unawaited = clock.setTimer(() => {
      // A process that was busy all the while has not looked for the answer yet: it does before the next turn.
      clock.soon(() => {
        if (this.#state !== 'connecting' || this.#hasFailed) return;
        if (!this.#connection.isConnecting || this.observer.isAwaited()) return this.#giveUpUnawaited();
        const detail = `no answer within ${UNAWAITED_CONNECT_MS} ms, and nobody waits`;
        this.#fail({ tag: 'connect-timeout', detail });
      });
    }, UNAWAITED_CONNECT_MS);
  }

  #stopWatchdog(): void {
    const { clock } = this.settings;
    if (this.#watchdog !== undefined) clock.clearTimer(this.#watchdog);
    if (this.#unawaited !== undefined) clock.clearTimer(this.#unawaited);
    this.#watchdog = this.#unawaited = undefined;
  }

  #change(to: ChannelState, reason: string, fault?: TransportFault): void {
    const from = this.#state;
    if (from === to || from === 'closed') return;
    this.#state = to;
    // One that is ejected may come back.
    if (!this.#isEjected) this.fault ??= fault;
    this.observer.onStateChange(this, from, reason, fault);
  }
}

/** A channel of the user's own need not show its connection: of it then only the sockets are seen. */
function connectionWith(settings: PooledChannelSettings, id: number): Connection {
  const { target, credentials, channelOptions, channelFactory, clock } = settings;
  if (channelFactory === undefined) return new ObservedConnection({ target, credentials, channelOptions, clock });
  const channel = channelFactory(target, credentials, channelOptions, { id });
  return connectionOf(channel) ?? new ObservedConnection({ target, credentials, channelOptions, clock, channel });
}
