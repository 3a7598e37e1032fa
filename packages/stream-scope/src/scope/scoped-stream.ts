import type { Metadata, StatusObject } from '@grpc/grpc-js';

/**
 * A streaming call with an owner. Whoever leaves its scope, by whatever road, ends the RPC, once, and nothing is left
 * of it: no stream at the server, no slot of a pool, no listener, no timer.
 */
export interface ScopedStream extends Disposable, AsyncDisposable {
  /**
   * The status that the call ended with. Never rejects, and does not stay pending: a cancelled call that tells none has
   * CANCELLED after a second. Where our side ended the call its details say why.
   */
  readonly status: Promise<StatusObject>;
  /**
   * The initial metadata. Never rejects: a call that ends without any, as one that fails at once, has empty ones at its
   * status; so has one that received them before it was scoped.
   */
  readonly headers: Promise<Metadata>;
  /** The trailing metadata, which come with the status. Never rejects. */
  readonly trailers: Promise<Metadata>;
  /**
   * Ends the RPC with CANCELLED, unless it has ended. Harmless at any time.
   *
   * @param reason is told in the details of the status, and is the `cause` of the errors that readers and writers get.
   */
  cancel(reason?: unknown): void;
  /** Cancels, unless the call has ended. Never throws because of how the call ended. */
  [Symbol.dispose](): void;
  /**
   * Cancels or drains, as `onDispose` says, and resolves once the status is there: within a second, or within
   * `drainTimeoutMs` and a second. Never rejects because of how the call ended.
   */
  [Symbol.asyncDispose](): Promise<void>;
}
