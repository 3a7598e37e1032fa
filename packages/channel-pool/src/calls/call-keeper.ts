import type { status, StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '@grpc-manifold/core';
import type { Clock, ParentCall } from '@grpc-manifold/core/internal';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { MethodSettings } from '../options/method-config.js';
import type { CallSet } from './call-set.js';

/** What a client asked for when it created a call. */
export interface CallRequest<Call> {
  readonly method: string;
  readonly settings: MethodSettings;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly host: string | null | undefined;
  readonly parent: ParentCall | null;
  readonly propagateFlags: number | null | undefined;
  /** Who owns the call, where that is not the pool itself. */
  readonly owner: CallSet<Call> | undefined;
  /** The pool, which must not be collected before the call has ended. */
  pool: object | undefined;
}

/** Who decides when a call goes out, and keeps the books. */
export interface CallKeeper<Call> {
  readonly target: string;
  readonly clock: Clock;
  /** Calls back in the next turn of the event loop. */
  soon(callback: () => void): void;
  /** A call was started: hand it to a connection, let it wait, or refuse it. */
  admit(call: Call): void;
  /** Milliseconds that a waiting call has waited. */
  waitedMs(call: Call): number;
  /** A waiting call holds more bytes. */
  addBytes(call: Call, bytes: number): void;
  /**
   * A connection refused a call before it was processed: hands it to another, or lets it wait for one. False when there
   * is none to try, and the call must end.
   */
  retry(call: Call, refusedBy: PooledChannel, code: status): boolean;
  /** What a waiting call waits for, with the numbers. */
  awaited(): CallExplanation;
  /** The last connection error, where there is no connection. */
  connectionTrouble(): { lastConnectionError?: string };
  /** A call has its status: give back what it holds, before anybody is told. */
  release(call: Call, status: StatusObject): void;
}
