import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import {
  Channel,
  connectivityState,
  Metadata,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
} from '@grpc/grpc-js';
import { warn, type ChannelFactory, type ChannelState, type Clock, type Timer, type TransportFault } from '@grpc-manifold/core';
import { ConnectionSockets } from './connection-sockets.js';
import { EndingStreams, type EndingStream } from './ending-streams.js';
import { sessionOf } from './http2-session.js';
import { observedCredentials } from './observed-credentials.js';
import type { MemberView } from './pickers/picker.js';
import { ResetBudget } from './reset-budget.js';
import type { ChannelStats } from './stats.js';

/** Milliseconds that the other end has to close its side before a socket is destroyed; one that listens needs 1. */
const CLOSE_GRACE_MS = 100;

/**
 * Milliseconds after which a TCP connection that is still unanswered, and that nobody waits for, is given up: a pending
 * connect holds the process whatever the socket says (libuv counts the request, not the handle).
 */
const UNAWAITED_CONNECT_MS = 1_000;

/** Streams that are put on a connection whose server's limit cannot be seen. */
export const UNSEEN_LIMIT = 100;
/** Streams that are put on any connection at the most. */
const HIGHEST_LIMIT = 1_000;
/** Calls that are put on a connection beyond its last sign of life (docs/decisions/0006). */
const UNANSWERED_CALLS = 100;

/** What one connection is made of. */
export interface PooledChannelSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly channelFactory: ChannelFactory | undefined;
  /** The limit that the user has set; read anew each time. */
  readonly maxStreamsPerChannel: () => number | undefined;
  readonly connectTimeoutMs: number;
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
  onWorn(channel: PooledChannel): void;
  /** True when somebody waits for a connection. */
  isAwaited(): boolean;
}

/**
 * One member of the pool: one grpc-js channel that makes one connection in its life. It is never connected again: when
 * the connection is lost, was refused or falls silent, the member finishes what it has and another takes its place.
 *
 * `connecting → ready → draining → closed`, or `connecting → failed → closed`.
 */
export class PooledChannel implements MemberView {
  readonly #channel: ChannelInterface;
  readonly #sockets = new ConnectionSockets();
  readonly #resets: ResetBudget;
  readonly #endings: EndingStreams;
  #connectedAtMs: number | undefined;
  #bornMs: number;
  #state: ChannelState = 'connecting';
  #connecting = false;
  #watchdog: Timer | undefined;
  #unawaited: Timer | undefined;
  #http2Socket: Socket | undefined;
  #session: ClientHttp2Session | undefined;
  #probing = false;
  #messagesSeen = 0;
  #lastUsedMs: number;
  #unansweredCalls = 0;
  #lifeSeen = 0;
  #isLetGo = false;
  #hasFailed = false;
  #isChannelClosed = false;
  #closing: Promise<number> | undefined;
  /** What went wrong with it, if anything did. */
  fault: TransportFault | undefined;
  /** Place among the members that have room, -1 for none. Kept by the pool. */
  availableIndex = -1;
  /** Its share of the pool's sums over those that are ready. Kept by the pool. */
  readonly counted = { ready: 0, usedStreams: 0, capacity: 0 };
  inFlightCalls = 0;
  startedCalls = 0;
  failedCalls = 0;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    readonly id: number,
    private readonly settings: PooledChannelSettings,
    private readonly observer: PooledChannelObserver,
  ) {
    const { clock, target, credentials, channelOptions, channelFactory, resetBurst } = settings;
    this.#bornMs = this.#lastUsedMs = clock.elapsed();
    this.#resets = new ResetBudget(clock.elapsed(), resetBurst);
    this.#endings = new EndingStreams(
      clock,
      this.#resets,
      { lifeSigns: () => this.#lifeSigns(), hasRoom: () => this.hasRoom, probe: () => this.#probe() },
      {
        onRoom: () => this.observer.onRoom(this),
        onStalled: (silentMs) =>
          this.retire('stalled', {
            tag: 'stalled',
            detail: `no sign of life for ${Math.round(silentMs)} ms while calls ended on it`,
          }),
      },
    );
    this.#channel =
      channelFactory === undefined
        ? new Channel(
            target,
            observedCredentials(credentials, { onSocket: this.#onSocket, mayConnect: () => this.#mayConnect }),
            channelOptions,
          )
        : channelFactory(target, credentials, channelOptions, { id });
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** grpc-js's channel of this member, for what only it can answer. */
  get channel(): ChannelInterface {
    return this.#channel;
  }

  /** Address and port of the other end, once connected. */
  get peer(): string | undefined {
    const socket = this.#http2Socket;
    return socket?.remoteAddress === undefined ? undefined : `${socket.remoteAddress}:${socket.remotePort}`;
  }

  /** Milliseconds since it began to connect. */
  get ageMs(): number {
    return this.settings.clock.elapsed() - this.#bornMs;
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
    const servers = this.#serverLimit;
    if (servers === undefined) return ours ?? UNSEEN_LIMIT;
    return Math.min(ours ?? HIGHEST_LIMIT, servers);
  }

  /**
   * SETTINGS_MAX_CONCURRENT_STREAMS as it is now: the server may change it at any time. Asked for each time, which costs a
   * few nanoseconds: on the sessions of grpc-js, which takes all listeners off them, Node emits no 'remoteSettings'.
   */
  get #serverLimit(): number | undefined {
    return this.#session?.remoteSettings.maxConcurrentStreams;
  }

  get hasRoom(): boolean {
    return (
      this.#state === 'ready' &&
      this.usedStreams < this.maxConcurrentStreams &&
      (this.#unansweredCalls < UNANSWERED_CALLS ||
        this.settings.maxStreamsPerChannel() !== undefined ||
        this.#isAlive())
    );
  }

  /**
   * A connection that was given many calls since it last showed life is asked for a sign of it before it gets more. What a
   * stopped server costs is so bounded by this number, however many streams it allows.
   */
  #isAlive(): boolean {
    const life = this.#lifeSigns();
    if (life > this.#lifeSeen) {
      this.#lifeSeen = life;
      this.#unansweredCalls = 0;
      return true;
    }
    this.#probe();
    return false;
  }

  /** Begins to connect. */
  connect(): void {
    const { clock, connectTimeoutMs } = this.settings;
    this.#connecting = true;
    this.#bornMs = clock.elapsed();
    if (connectTimeoutMs !== Infinity) {
      this.#watchdog = clock.setTimer(() => {
        this.#fail({ tag: 'connect-timeout', detail: `not ready within connectTimeoutMs ${connectTimeoutMs}` });
      }, connectTimeoutMs);
    }
    this.#giveUpUnawaited();
    try {
      this.#sockets.attempt(() => this.#channel.getConnectivityState(true));
      this.#followState();
    } catch (error) {
      this.#fail({ tag: 'connect-failed', detail: String(error) });
    }
  }

  /** Counts a call in. In the same tick as it is picked, so that a burst spreads. */
  begin(): void {
    this.inFlightCalls += 1;
    this.startedCalls += 1;
    this.#unansweredCalls += 1;
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
    if (this.isWorn) this.observer.onWorn(this);
  }

  /** The other end has ended a stream that we had given up. */
  abandonedEnded(stream: EndingStream): void {
    this.#endings.ended(stream);
  }

  /** True while it has nearly used up its resets; they grow back. */
  get isWorn(): boolean {
    return this.#resets.isLow(this.settings.clock.elapsed());
  }

  /** True when the other end has answered a call on it. */
  get hasAnswered(): boolean {
    return this.#messagesSeen > 0;
  }

  /** Something of a call came in. */
  sawLife(): void {
    this.#messagesSeen += 1;
    this.#endings.review();
    if (this.#unansweredCalls >= UNANSWERED_CALLS) this.observer.onRoom(this);
  }

  /** Takes no new calls from now on and closes when those in flight have ended. Does nothing once it has begun. */
  retire(reason: string, fault?: TransportFault): void {
    // One that was let go and has a fault since is not to be taken back.
    if (fault !== undefined) this.#isLetGo = false;
    if (this.#state !== 'ready') return;
    this.#change('draining', reason, fault);
    if (!this.#isLetGo) this.#closeChannelSoon();
    this.#closeWhenEmpty();
  }

  /** Retires it although it works, because others are enough or better; {@link takeBack} undoes it. */
  letGo(reason: string): void {
    this.#isLetGo = true;
    this.retire(reason);
  }

  /** Takes calls again. False unless it was let go and its connection is still there. */
  takeBack(reason: string): boolean {
    if (this.#state !== 'draining' || !this.#isLetGo) return false;
    if (this.#channel.getConnectivityState(false) !== connectivityState.READY) return false;
    this.#isLetGo = false;
    this.#change('ready', reason);
    return true;
  }

  /**
   * Closes the connection, whatever is on it. Resolves to the number of sockets that had to be destroyed when none is
   * left open.
   */
  close(reason: string): Promise<number> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
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
      learnedFromServer: this.#serverLimit === this.maxConcurrentStreams,
      ageMs: this.ageMs,
      idleMs: this.inFlightCalls > 0 ? 0 : nowMs - this.#lastUsedMs,
      startedCalls: this.startedCalls,
      failedCalls: this.failedCalls,
      ...(peer === undefined ? {} : { peer }),
    });
  }

  /**
   * A channel whose attempt has failed makes another when grpc-js's backoff is over, and that may be at once; closing it does
   * not prevent that (subchannel.ts: `unref` leaves TRANSIENT_FAILURE as it is).
   */
  get #mayConnect(): boolean {
    return !this.#hasFailed && !this.#isChannelClosed;
  }

  readonly #onSocket = (tcp: Socket, http2: Socket): void => {
    this.#sockets.add(tcp);
    this.#http2Socket = http2;
  };

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

  /** grpc-js cannot unsubscribe a watcher and throws once closed: each is asked for once, and ignored after the end. */
  #followState(): void {
    const seen = this.#channel.getConnectivityState(false);
    this.#onConnectivity(seen);
    if (this.#isFollowed) {
      this.#channel.watchConnectivityState(seen, Infinity, () => {
        if (this.#isFollowed) this.#followState();
      });
    }
  }

  get #isFollowed(): boolean {
    if (this.#state === 'draining') return this.#isLetGo;
    return this.#state === 'connecting' || this.#state === 'ready';
  }

  #onConnectivity(seen: connectivityState): void {
    if (this.#state === 'ready') {
      if (seen !== connectivityState.READY) this.#onLost();
    } else if (this.#state === 'draining') {
      if (seen !== connectivityState.READY) this.#loseLetGo();
    } else if (seen === connectivityState.READY) {
      this.#stopWatchdog();
      this.#connecting = false;
      this.#connectedAtMs = this.settings.clock.elapsed();
      this.#sockets.attemptEnded();
      if (this.#http2Socket !== undefined) this.#session = sessionOf(this.#http2Socket);
      this.#change('ready', 'connected');
    } else if (seen === connectivityState.TRANSIENT_FAILURE) {
      this.#hasFailed = true;
      this.#stopWatchdog();
      void this.#askWhy().then(
        (detail) => this.#fail({ tag: 'connect-failed', detail }),
        (error: unknown) => this.#fail({ tag: 'connect-failed', detail: String(error) }),
      );
    }
  }

  /** grpc-js leaves READY when the connection was lost, when the server said GOAWAY, and when it was idle for too long. */
  #onLost(): void {
    const session = this.#session;
    if (session !== undefined && !session.closed && !session.destroyed) this.retire('idle');
    else if (session?.destroyed === false) this.retire('GOAWAY', { tag: 'goaway', detail: 'the server said GOAWAY' });
    else this.retire('connection lost', { tag: 'dropped', detail: 'connection lost' });
  }

  /** There is nothing left to take back. */
  #loseLetGo(): void {
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
    process.nextTick(() => this.#closeChannel());
  }

  #closeChannel(): void {
    if (this.#isChannelClosed) return;
    this.#isChannelClosed = true;
    try {
      this.#channel.close();
    } catch (error) {
      warn(`Connection ${this.id}: its channel could not be closed: ${String(error)}`);
    }
  }

  /**
   * A channel tells its last error only to a call that it fails, which in this state it does at once and without
   * sending anything.
   */
  #askWhy(): Promise<string> {
    return new Promise((resolve) => {
      const call = this.#channel.createCall('/grpc-manifold/why', Infinity, null, null, null);
      call.start(new Metadata(), {
        onReceiveMetadata: () => undefined,
        onReceiveMessage: () => undefined,
        onReceiveStatus: (status) => resolve(status.details),
      });
    });
  }

  #fail(fault: TransportFault): void {
    if (this.#state !== 'connecting') return;
    this.#connecting = false;
    this.#change('failed', fault.detail, fault);
    void this.close(fault.detail);
  }

  async #close(reason: string): Promise<number> {
    this.#stopWatchdog();
    this.#endings.close();
    this.#change('closed', reason);
    // Never inside grpc-js's own state callbacks: closing there brings the channel back to life.
    await Promise.resolve();
    this.#closeChannel();
    this.#sockets.close();
    if (this.#sockets.openCount === 0) return 0;
    const { clock } = this.settings;
    let forced = 0;
    const grace = clock.setTimer(
      () => {
        forced = this.#sockets.destroy(`grpc-manifold closed the connection: ${reason}`);
      },
      this.#connecting ? 0 : CLOSE_GRACE_MS,
    );
    grace.ref();
    await this.#sockets.allClosed();
    clock.clearTimer(grace);
    return forced;
  }

  #giveUpUnawaited(): void {
    const { clock } = this.settings;
    this.#unawaited = clock.setTimer(() => {
      // A process that was busy all the while has not looked for the answer yet: it does before the next turn.
      clock.soon(() => {
        if (this.#state !== 'connecting' || this.#hasFailed) return;
        if (!this.#sockets.connecting || this.observer.isAwaited()) return this.#giveUpUnawaited();
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
    this.fault ??= fault;
    this.observer.onStateChange(this, from, reason, fault);
  }

  /** Bytes from the socket where it is known, else what came in by calls. */
  #lifeSigns(): number {
    return this.#sockets.bytesRead || this.#messagesSeen;
  }

  /** An empty SETTINGS frame must be acknowledged (RFC 9113, section 6.5.3) and, unlike a PING, is no strike (docs/decisions/0002). */
  #probe(): boolean {
    const session = this.#session;
    if (session === undefined || session.destroyed || session.closed) return false;
    if (this.#probing) return true;
    this.#probing = true;
    session.settings({}, () => {
      this.#probing = false;
      this.#endings.review();
      this.observer.onRoom(this);
    });
    return true;
  }
}
