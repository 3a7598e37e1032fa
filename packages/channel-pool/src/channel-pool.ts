import { connectivityState, type ChannelCredentials, type ChannelInterface } from '@grpc/grpc-js';
import type { ChannelCall, Event, ShedReport } from '@grpc-manifold/core';
import {
  callDeadlineMs,
  Emitter,
  OptionReader,
  systemClock,
  warn,
  type ParentCall,
} from '@grpc-manifold/core/internal';
import { Announcements } from './reports/announcements.js';
import { CallSet } from './calls/call-set.js';
import { Connectivity } from './membership/connectivity.js';
import type { Dispatcher } from './calls/dispatcher.js';
import { Drain } from './calls/drain.js';
import { balancingLeftOut } from './options/load-balancing.js';
import type { MethodConfigs } from './options/method-config.js';
import { complaintOfTarget, mustBeCredentials, mustBeTarget } from './options/destination.js';
import type { Members } from './membership/members.js';
import {
  resolveChannelPoolOptions,
  updatedOptions,
  type ChannelPoolOptions,
  type ChannelPoolUpdate,
  type ResolvedChannelPoolOptions,
} from './options/options.js';
import type { ChannelPoolEnvironment } from './pool-environment.js';
import { collectedPools, PoolParts, type PoolEvents } from './pool-parts.js';
import { warmUp, type WarmUpOptions } from './membership/warm-up.js';
import { PooledCall } from './calls/pooled-call.js';
import { SharedChannel, type SharedPool } from './shared-channel.js';
import type { ScaleDecision } from './membership/scaling.js';
import type { ChannelPoolStats, ChannelStateChange, DrainReport, PoolAlarm } from './reports/stats.js';

const CLOSED = 'the pool was closed';

/** How long a drain may take. */
export interface DrainOptions {
  /**
   * Milliseconds for calls to finish before they are cancelled. 0 or more, or Infinity; default the pool's
   * `drainTimeoutMs`.
   */
  readonly timeoutMs?: number;
}

/**
 * A gRPC channel that fans its calls over several HTTP/2 connections. Give it to a client as `channelOverride`, or let
 * `createPooledClient` do so.
 *
 * A call goes to the connection with the fewest streams, and only to one that has a free stream; while all are full it
 * waits in a queue bounded by calls, bytes and time. What the pool refuses it refuses by a status, never by throwing:
 * `explain(error)` tells which bound fired.
 */
export class ChannelPool implements ChannelInterface, AsyncDisposable {
  #options: ResolvedChannelPoolOptions;
  readonly #clock: typeof systemClock;
  readonly #members: Members;
  readonly #methods: MethodConfigs;
  readonly #dispatcher: Dispatcher;
  readonly #connectivity: Connectivity;
  readonly #target: string;
  readonly #events: PoolEvents = {
    stateChange: new Emitter(),
    scale: new Emitter(),
    shed: new Emitter(),
    alarm: new Emitter(),
  };
  readonly #closing = new Emitter<void>();
  #drain: Drain | undefined;
  #drained: Promise<DrainReport> | undefined;
  /** It was closed as a grpc-js channel is, and not drained from the start. */
  #isClosing = false;

  /** A connection changed its state, and why. */
  readonly onChannelStateChange: Event<ChannelStateChange> = this.#events.stateChange.event;
  /** The number of connections was decided on, with the numbers it was decided on. */
  readonly onScale: Event<ScaleDecision> = this.#events.scale.event;
  /** A call was refused before a byte of it was sent. */
  readonly onShed: Event<ShedReport> = this.#events.shed.event;
  /** More than `maxDrainingChannels` connections drain: once, and again after they were half as many or fewer. */
  readonly onAlarm: Event<PoolAlarm> = this.#events.alarm.event;

  /**
   * Connects to nothing yet: the first call does.
   *
   * @param target as for a grpc-js client, e.g. `dns:///api.example.com:443`.
   * @throws TypeError, RangeError naming the option, its range and the value; what grpc-js throws for a wrong target,
   * and the channel factory for what it can make no channels of.
   */
  constructor(
    target: string,
    credentials: ChannelCredentials,
    options?: ChannelPoolOptions,
    environment: ChannelPoolEnvironment = {},
  ) {
    mustBeTarget(target);
    mustBeCredentials(credentials);
    const clock = environment.clock ?? systemClock;
    this.#clock = clock;
    this.#options = resolveChannelPoolOptions(options);
    const announcements = new Announcements();
    this.#connectivity = new Connectivity(clock, (announcement) => announcements.tell(announcement));
    const parts = new PoolParts(
      { target, credentials, options: this.#options, clock, environment, announcements },
      this.#events,
      this.#connectivity,
    );
    this.#dispatcher = parts.dispatcher;
    this.#members = parts.members;
    this.#methods = parts.methods;
    collectedPools.register(this, { parts, onCollected: environment.onCollected }, this);
    this.#target = this.#members.target;
    const complaint = complaintOfTarget(target, this.#target);
    if (complaint !== undefined) {
      this.close();
      throw new TypeError(complaint);
    }
    const balancing = balancingLeftOut(target, this.#options.channelOptions);
    if (balancing !== undefined) {
      warn(
        `ChannelPool of ${this.#target}: the service config asks for '${balancing}', which is left out: each connection ` +
          `goes to one address, and calls are spread over connections (docs/guides/wrapping-clients.md)`,
      );
    }
  }

  // ── what a client needs of a channel ──────────────────────────────────────────────────────────────────────────────

  /**
   * Makes a call. It takes up nothing until it is started.
   *
   * @throws TypeError for a method or deadline of the wrong type, as grpc-js does.
   */
  createCall(
    method: string,
    deadline: Date | number,
    host: string | null | undefined,
    parentCall: ParentCall | null,
    propagateFlags: number | null | undefined,
  ): ChannelCall {
    return this.#createCall(undefined, method, deadline, host, parentCall, propagateFlags);
  }

  getTarget(): string {
    return this.#target;
  }

  /** @param tryToConnect open connections if there are none; a closed pool stays closed. */
  getConnectivityState(tryToConnect: boolean): connectivityState {
    if (tryToConnect && this.#drain === undefined) this.#members.requestConnection();
    return this.#connectivity.state;
  }

  watchConnectivityState(seen: connectivityState, deadline: Date | number, callback: (error?: Error) => void): void {
    this.#connectivity.watch(seen, deadline, callback);
  }

  /** The channelz reference of the first connection's channel: a pool has none of its own. */
  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return this.#members.channelzRef;
  }

  /**
   * Refuses new calls and closes every connection when its calls have ended, however long they take, as a grpc-js
   * channel does; where `drainTimeoutMs` is set, what is left by then is cancelled. A call that waits without any
   * connection has nothing to finish and ends at once.
   */
  close(): void {
    if (this.#drained !== undefined) return;
    this.#isClosing = true;
    this.#drained = this.#shutDown(this.#options.closeTimeoutMs, CLOSED);
    this.#dispatcher.refuseUnconnected(this.#dispatcher.calls, CLOSED);
  }

  // ── what only a pool has ──────────────────────────────────────────────────────────────────────────────────────────

  /** Tells where the pool is. A frozen snapshot, cheap enough to take each second. */
  stats(): ChannelPoolStats {
    const { counts, queue, inFlight } = this.#dispatcher;
    const { lastFault, lastError, keepaliveTimeMs } = this.#members;
    return Object.freeze({
      target: this.#target,
      state: connectivityState[this.#connectivity.state] as ChannelPoolStats['state'],
      channels: Object.freeze([...this.#members.open].map((member) => member.stats())),
      drainingChannels: this.#members.drainingChannels,
      inFlightCalls: inFlight,
      queuedCalls: queue.size,
      queuedBytes: queue.bytes,
      streamCapacity: this.#members.streamCapacity,
      startedCalls: counts.started,
      succeededCalls: counts.succeeded,
      failedCalls: counts.failed,
      shedCalls: counts.shed,
      cancelledCalls: counts.cancelled,
      retriedCalls: counts.retried,
      ...(keepaliveTimeMs === undefined ? {} : { keepaliveTimeMs }),
      ...(lastFault === undefined ? {} : { lastFault }),
      ...(lastError === undefined ? {} : { lastConnectionError: lastError }),
    });
  }

  /**
   * Changes bounds of the living pool. Drops no call: connections beyond a smaller `maxChannels` are drained, calls
   * beyond a smaller queue wait on.
   *
   * @throws TypeError, RangeError naming the option, its range and the value; nothing is changed then.
   */
  update(update: ChannelPoolUpdate): void {
    this.#options = updatedOptions(this.#options, update);
    this.#dispatcher.queue.update(this.#options.queue);
    this.#members.update(this.#options);
  }

  /**
   * Opens connections now instead of with the first calls. Resolves when they are ready.
   *
   * @throws TypeError, RangeError for a wrong option; Error when they are not ready in time, with the last connection
   * error, or when the pool is closed; the signal's reason when that is aborted. What was opened stays.
   */
  warmUp(options?: WarmUpOptions): Promise<void> {
    const onChange: Event<unknown> = (listener) => {
      const subscriptions = [this.onChannelStateChange(listener), this.#closing.event(listener)];
      return { [Symbol.dispose]: () => subscriptions.forEach((each) => each[Symbol.dispose]()) };
    };
    return warmUp(options, this.#options, this.#clock, onChange, {
      isClosed: () => this.#drain !== undefined,
      warm: (who, channels) => this.#members.warm(who, channels),
      stopWarming: (who) => this.#members.stopWarming(who),
      lastError: () => this.#members.lastError,
    });
  }

  /**
   * Makes a channel for one client among several: closing or disposing it ends the calls that were made on it, and
   * leaves the pool as it is.
   */
  share(): SharedChannel {
    const pool: SharedPool = {
      onDispose: this.#options.onDispose,
      drainTimeoutMs: this.#options.drainTimeoutMs,
      createOwnedCall: (owner, ...call) => this.#createCall(owner, ...call),
      beginDrain: (calls) => new Drain(this.#clock, calls, this.#options.closeTimeoutMs),
      refuseHopeless: () => this.#refuseHopeless(),
      refuseUnconnected: (calls, reason) => this.#dispatcher.refuseUnconnected(calls, reason),
      endAll: (calls, reason) => this.#endAll(calls, reason),
      getTarget: () => this.getTarget(),
      getConnectivityState: (tryToConnect) => this.getConnectivityState(tryToConnect),
      watchConnectivityState: (...watch) => this.watchConnectivityState(...watch),
      getChannelzRef: () => this.getChannelzRef(),
    };
    return new SharedChannel(pool, new CallSet<PooledCall>());
  }

  /**
   * Refuses new calls, lets those that were started finish, cancels what is left when the time is up, and closes every
   * socket. Resolves when none is open. A call that waits ends when no connection is left and none can be made. Asked
   * again it returns the same promise; a shorter `timeoutMs` holds from then on, and so does the default after
   * `close()`.
   *
   * @throws TypeError, RangeError for a wrong `timeoutMs`.
   */
  drain(options?: DrainOptions): Promise<DrainReport> {
    const read = new OptionReader('drain', options, ['timeoutMs']);
    const timeoutMs = read.number('timeoutMs', this.#options.drainTimeoutMs, { min: 0, unlimited: true });
    if (this.#drained === undefined) {
      this.#drained = this.#shutDown(timeoutMs, CLOSED);
      this.#refuseHopeless();
    } else if (timeoutMs === 0) {
      this.#drain?.hurry();
    } else if (options?.timeoutMs !== undefined || this.#isClosing) {
      this.#drain?.limit(timeoutMs);
    }
    return this.#drained;
  }

  /** Ends every call and closes every socket now. A drain that is under way does not wait on. */
  destroy(reason = 'the pool was destroyed'): Promise<DrainReport> {
    this.#dispatcher.stopRetries();
    if (this.#drained !== undefined) return this.drain({ timeoutMs: 0 });
    this.#drained = this.#shutDown(0, reason);
    return this.#drained;
  }

  /** Drains or destroys, as the option `onDispose` says. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#options.onDispose === 'cancel' ? this.destroy() : this.drain());
  }

  #createCall(
    owner: CallSet<PooledCall> | undefined,
    method: string,
    deadline: Date | number,
    host: string | null | undefined,
    parentCall: ParentCall | null,
    propagateFlags: number | null | undefined,
  ): ChannelCall {
    if (typeof method !== 'string') throw new TypeError('Channel#createCall: method must be a string');
    if (!(typeof deadline === 'number' || deadline instanceof Date)) {
      throw new TypeError('Channel#createCall: deadline must be a number or Date');
    }
    const deadlineMs = callDeadlineMs(deadline, parentCall, propagateFlags);
    const settings = this.#methods.of(method);
    const request = { method, settings, deadlineMs, host, parent: parentCall, propagateFlags, owner, pool: this };
    return new PooledCall(this.#dispatcher, request);
  }

  /** Resolves when each has been told. */
  #endAll(calls: CallSet<PooledCall>, reason: string): Promise<void> {
    this.#dispatcher.endAll(calls, reason);
    return new Promise((resolve) => this.#clock.soon(resolve));
  }

  /** Those who are closing do not wait for a server that cannot be reached. */
  #refuseHopeless(): void {
    if (this.#members.failure !== undefined) this.#dispatcher.failWaiting();
  }

  async #shutDown(timeoutMs: number, reason: string): Promise<DrainReport> {
    const drain = (this.#drain = new Drain(this.#clock, this.#dispatcher.calls, timeoutMs));
    if (timeoutMs === 0) drain.hurry();
    const beganMs = this.#clock.elapsed();
    const openCalls = this.#dispatcher.calls.size;
    this.#dispatcher.calls.refuseNew();
    this.#connectivity.set(connectivityState.SHUTDOWN);
    this.#closing.emit();
    await drain.done();
    const cancelledCalls = this.#dispatcher.calls.size;
    const closedBefore = this.#members.closedChannels;
    await this.#endAll(this.#dispatcher.calls, reason);
    const forcedSockets = await this.#members.close(reason);
    this.#dispatcher.close();
    collectedPools.unregister(this);
    return Object.freeze({
      finishedCalls: openCalls - cancelledCalls,
      cancelledCalls,
      closedChannels: this.#members.closedChannels - closedBefore,
      forcedSockets,
      durationMs: this.#clock.elapsed() - beganMs,
    });
  }
}
