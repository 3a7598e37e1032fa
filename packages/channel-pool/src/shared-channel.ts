import { connectivityState, type ChannelInterface } from '@grpc/grpc-js';
import type { CallSet } from './calls/call-set.js';
import type { Drain } from './calls/drain.js';
import type { PooledCall } from './calls/pooled-call.js';

const CLOSED = 'the client was closed';

/** What a shared channel needs of its pool. */
export interface SharedPool extends Omit<ChannelInterface, 'createCall' | 'close'> {
  readonly onDispose: 'drain' | 'cancel';
  /** Milliseconds that disposing waits for calls to finish. */
  readonly drainTimeoutMs: number;
  createOwnedCall(
    owner: CallSet<PooledCall>,
    ...call: Parameters<ChannelInterface['createCall']>
  ): ReturnType<ChannelInterface['createCall']>;
  /** Begins to wait for the calls of a set, for as long as `close()` does. */
  beginDrain(calls: CallSet<PooledCall>): Drain;
  /** Refuses the calls of closed clients that wait although no connection can be had. */
  refuseHopeless(): void;
  /** Refuses the calls of a set that wait although there is no connection. */
  refuseUnconnected(calls: CallSet<PooledCall>, reason: string): void;
  /** Resolves when each has been told. */
  endAll(calls: CallSet<PooledCall>, reason: string): Promise<void>;
}

/**
 * A pool's channel for one client among several. It does not own the pool: closing it ends the calls that were made on
 * it, and no others.
 */
export class SharedChannel implements ChannelInterface, AsyncDisposable {
  #closed: Promise<void> | undefined;
  #drain: Drain | undefined;

  constructor(
    private readonly pool: SharedPool,
    private readonly calls: CallSet<PooledCall>,
  ) {}

  createCall(...call: Parameters<ChannelInterface['createCall']>): ReturnType<ChannelInterface['createCall']> {
    return this.pool.createOwnedCall(this.calls, ...call);
  }

  getTarget(): string {
    return this.pool.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.#closed === undefined ? this.pool.getConnectivityState(tryToConnect) : connectivityState.SHUTDOWN;
  }

  watchConnectivityState(...watch: Parameters<ChannelInterface['watchConnectivityState']>): void {
    if (this.#closed !== undefined) throw new Error('Channel has been shut down');
    this.pool.watchConnectivityState(...watch);
  }

  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return this.pool.getChannelzRef();
  }

  /**
   * Refuses new calls and lets its own finish, however long they take; where the pool's `drainTimeoutMs` is set,
   * cancels what is left of them by then. A call that waits without any connection has nothing to finish and ends at
   * once.
   */
  close(): void {
    void this.#close();
    this.pool.refuseUnconnected(this.calls, CLOSED);
  }

  /**
   * Refuses new calls, lets its own finish within the pool's `drainTimeoutMs`, and cancels what is left of them; at
   * once where the pool's `onDispose` says so. Resolves when no call of its own is left.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#close();
    if (this.pool.onDispose === 'cancel') this.#drain?.hurry();
    else this.#drain?.limit(this.pool.drainTimeoutMs);
    await closed;
  }

  #close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.calls.refuseNew();
    this.#drain = this.pool.beginDrain(this.calls);
    this.pool.refuseHopeless();
    await this.#drain.done();
    await this.pool.endAll(this.calls, CLOSED);
  }
}
