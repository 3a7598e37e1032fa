import { inspect } from 'node:util';
import {
  Channel,
  connectivityState,
  type CallCredentials,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
} from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import {
  CONNECTION,
  deadlineMsOf,
  DeadlineTimers,
  dueMsOf,
  isXdsTarget,
  systemClock,
  type ConnectedChannel,
  type Connection,
  type ParentCall,
  type Timer,
} from '@grpc-manifold/core/internal';
import { checkTarget, crossingCredentials, crossingOptions } from '../crossing/crossing.js';
import type { CrossingCredentials } from '../crossing/credentials-recipe.js';
import { WRITE_AHEAD } from '../wire/credit.js';
import type { CallingChannel } from './calling-channel.js';
import { ThreadCall } from './thread-call.js';
import { ThreadConnection } from './thread-connection.js';
import type { ChannelThreads } from './channel-threads.js';

/**
 * How many bytes a call may write ahead of what the server has accepted, unless `grpc.per_rpc_retry_buffer_size` is
 * set. Equals the default of grpc-js.
 */
const DEFAULT_RETRY_BUFFER_BYTES = 1_048_576;
const RETRY_BUFFER = 'grpc.per_rpc_retry_buffer_size';

interface Watcher {
  readonly seen: connectivityState;
  readonly callback: (error?: Error) => void;
  timer: Timer | undefined;
}

/**
 * A grpc-js channel whose connection lives in a worker thread. In a pool it connects once. Without a pool it reconnects
 * when needed, as a channel of grpc-js does.
 */
export class ThreadChannel implements ConnectedChannel, CallingChannel<ThreadCall> {
  readonly callCredentials: CallCredentials | undefined;
  readonly deadlines = new DeadlineTimers<ThreadCall>(systemClock, (call) => call.deadlinePassed());
  /** A grpc-js channel that never connects. It checks the arguments, and registers the channel with channelz. */
  readonly #shadow: Channel;
  readonly #crossing: CrossingCredentials;
  readonly #options: ChannelOptions;
  #connection: ThreadConnection | undefined;
  isMember = false;
  #isClosed = false;
  #watchers: Watcher[] = [];

  /** @throws what grpc-js throws for its arguments; TypeError for arguments that cannot cross to a thread. */
  constructor(
    private readonly threads: ChannelThreads,
    private readonly target: string,
    credentials: ChannelCredentials,
    options: ChannelOptions,
  ) {
    this.#crossing = crossingCredentials(credentials);
    this.callCredentials = this.#crossing.callCredentials;
    this.#options = withSmallerRetryBuffer(crossingOptions(options));
    this.#shadow = new Channel(target, credentials, options);
    try {
      checkTarget(isXdsTarget(target) ? target : this.#shadow.getTarget());
    } catch (error) {
      this.#shadow.close();
      throw error;
    }
  }

  /** For a pool: the one connection of this channel. */
  get [CONNECTION](): Connection {
    this.isMember = true;
    return this.#currentConnection();
  }

  getTarget(): string {
    return this.#shadow.getTarget();
  }

  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return this.#shadow.getChannelzRef();
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    if (this.#isClosed) return connectivityState.SHUTDOWN;
    if (tryToConnect && !this.isMember) this.#connectWithoutPool();
    return this.#connection?.state ?? connectivityState.IDLE;
  }

  watchConnectivityState(seen: connectivityState, deadline: Date | number, callback: (error?: Error) => void): void {
    if (this.#isClosed) throw new Error('Channel has been shut down');
    const dueMs = dueMsOf(deadlineMsOf(deadline), systemClock);
    const watcher: Watcher = { seen, callback, timer: undefined };
    this.#watchers.push(watcher);
    if (dueMs !== Infinity) this.#waitUntil(watcher, dueMs);
  }

  /** Waits in steps when the deadline is further away than the longest timer of Node. */
  #waitUntil(watcher: Watcher, dueMs: number): void {
    watcher.timer = systemClock.setTimer(
      () => {
        if (systemClock.elapsed() < dueMs) return this.#waitUntil(watcher, dueMs);
        this.#watchers.splice(this.#watchers.indexOf(watcher), 1);
        watcher.callback(new Error('Deadline passed without connectivity state change'));
      },
      Math.ceil(dueMs - systemClock.elapsed()),
    );
    // Like grpc-js: a caller waits for the callback, so the timer keeps the process alive.
    watcher.timer.ref();
  }

  createCall(
    method: string,
    deadline: Date | number,
    host: string | null | undefined,
    parent: ParentCall | null,
    propagateFlags: number | null | undefined,
  ): ChannelCall {
    if (this.#isClosed) throw new Error('Channel has been shut down');
    if (typeof method !== 'string') throw new TypeError(`createCall: method must be a string, got ${inspect(method)}`);
    if (typeof deadline !== 'number' && !(deadline instanceof Date)) {
      throw new TypeError(`createCall: deadline must be a number or a Date, got ${inspect(deadline)}`);
    }
    return new ThreadCall(this, method, deadline, host, parent, propagateFlags);
  }

  close(): void {
    const connection = this.#connection;
    if (connection === undefined) return this.#closed();
    // The pool closes the connection of its member itself.
    if (this.isMember) connection.closeChannel();
    else connection.closeWhenIdle();
  }

  connectionForCall(): ThreadConnection | undefined {
    if (this.#isClosed) return undefined;
    if (!this.isMember) this.#connectWithoutPool();
    return this.#currentConnection();
  }

  #connectWithoutPool(): void {
    const before = this.#connection;
    const connection = this.#currentConnection();
    if (connection !== before) connection.connect((state) => this.#tellWatchers(state));
    else if (connection.state === connectivityState.IDLE) connection.connectAgain();
  }

  /** Returns the connection, or makes another one if its thread has ended and the channel may reconnect. */
  #currentConnection(): ThreadConnection {
    const current = this.#connection;
    if (current !== undefined && (this.isMember || !current.isLost)) return current;
    const { target } = this;
    const settings = { target, options: this.#options, credentials: this.#crossing.recipe, isOnce: this.isMember };
    const connection = new ThreadConnection(
      this,
      settings,
      () => this.threads.next(),
      () => this.#closed(),
    );
    this.#connection = connection;
    return connection;
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#shadow.close();
    this.#tellWatchers(connectivityState.SHUTDOWN);
  }

  #tellWatchers(state: connectivityState): void {
    const due = this.#watchers.filter(({ seen }) => seen !== state);
    if (due.length === 0) return;
    this.#watchers = this.#watchers.filter(({ seen }) => seen === state);
    for (const { callback, timer } of due) {
      if (timer !== undefined) systemClock.clearTimer(timer);
      process.nextTick(callback);
    }
  }
}

/**
 * Takes the bytes that are acknowledged on this thread off the retry buffer in the worker thread, so that both together
 * stay within the option's value.
 */
function withSmallerRetryBuffer(options: ChannelOptions): ChannelOptions {
  const bytes = options[RETRY_BUFFER] ?? DEFAULT_RETRY_BUFFER_BYTES;
  return { ...options, [RETRY_BUFFER]: Math.max(0, bytes - WRITE_AHEAD.bytes) };
}
