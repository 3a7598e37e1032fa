import type { ChannelOptions } from '@grpc/grpc-js';

/**
 * The state of a connection. `failed`: the connection attempt failed, or the connection is ejected for a while.
 */
export type ChannelState = 'connecting' | 'ready' | 'draining' | 'failed' | 'closed';

/** A snapshot of one connection for a policy. All times are milliseconds. */
export interface ChannelView {
  /** Counts up from 1 within the pool; never used twice. */
  readonly id: number;
  readonly state: ChannelState;
  /**
   * True while the connection is ejected: it gets no calls, because its calls failed, were slow or were not answered.
   * `state` is then `failed`.
   */
  readonly isEjected: boolean;
  /**
   * A random number from 0 to below 1, drawn when the connection was created. It stays the same in every review, so a
   * policy can use it as stable jitter.
   */
  readonly jitterFraction: number;
  readonly inFlightCalls: number;
  /** Time since the connection became ready; 0 before. */
  readonly ageMs: number;
  /** Time since a call last began or ended on the connection; 0 while a call runs. */
  readonly idleMs: number;
  /**
   * Time since the last byte from the peer. When the socket cannot be observed: since a call last received something.
   */
  readonly silentMs: number;
  /** Time since the connection began to drain; 0 before. */
  readonly drainingMs: number;
  /**
   * True when the pool can send PINGs on the connection. False when only grpc-js can, as with a custom
   * `channelFactory`.
   */
  readonly canPing: boolean;
  /** The number of PINGs that policies have sent on the connection. */
  readonly pings: number;
  /** Time since the last of these PINGs was sent; Infinity when none was sent. */
  readonly pingedMs: number;
  /** True while one of these PINGs is unanswered. */
  readonly isPinging: boolean;
  /**
   * The shortest keepalive interval of the pool ({@link PoolView.keepaliveTimeMs}) that was in force when a PING was
   * sent on the connection; Infinity when no PING was sent.
   */
  readonly keepaliveTimeMs: number;
}

/** A snapshot of a pool for a policy. */
export interface PoolView {
  readonly minChannels: number;
  readonly maxChannels: number;
  /** Every connection that is not closed, oldest first. */
  readonly channels: readonly ChannelView[];
  /** The interval between PINGs that a policy has set; undefined before. It stays set when connections are replaced. */
  readonly keepaliveTimeMs: number | undefined;
  /**
   * The number of connections that the server closed with `too_many_pings` since `keepaliveTimeMs` was set. Connections
   * that sent PINGs at a shorter interval are not counted.
   */
  readonly pingStrikes: number;
}

/**
 * An action that a policy asks for. The pool ignores an action for a connection that no longer exists or whose state
 * does not allow it.
 */
export type PolicyAction =
  /**
   * Close a connection. Without calls it closes now, otherwise when its calls have ended. A connection that is already
   * draining closes now and loses its calls.
   */
  | { readonly kind: 'close'; readonly channelId: number; readonly reason: string }
  /** Replace a connection: the pool first opens a new connection, then drains this one. One rotation runs at a time. */
  | { readonly kind: 'rotate'; readonly channelId: number; readonly reason: string }
  /**
   * Send a PING. Without an answer within `timeoutMs` (default 20,000) the pool closes the connection with the fault
   * `keepalive-timeout`.
   */
  | { readonly kind: 'ping'; readonly channelId: number; readonly reason: string; readonly timeoutMs?: number }
  /**
   * Verify the connection before its next call: ask the peer for a sign of life, without a PING. A connection that does
   * not answer is replaced.
   */
  | { readonly kind: 'verify'; readonly channelId: number; readonly reason: string }
  /** Set the interval between PINGs. `stats()` shows it, and it stays set when connections are replaced. */
  | { readonly kind: 'set-keepalive'; readonly timeMs: number; readonly reason: string };

/** The decision of a policy. */
export interface PolicyReview {
  readonly actions: readonly PolicyAction[];
  /** Milliseconds until the next review. Infinity: review only when a connection changes its state. */
  readonly nextReviewMs: number;
}

/**
 * Decides what happens to the connections of a pool. A policy is pure: it gets a snapshot and the time, and returns
 * actions that the pool carries out. One policy object can serve many pools, and its tests can be tables.
 */
export interface ConnectionPolicy {
  readonly name: string;
  /** grpc-js channel options for each connection. The `channelOptions` of the user take precedence. */
  channelOptions?(): ChannelOptions;
  /**
   * Called when a connection changes its state, and when `nextReviewMs` of the last review has passed.
   *
   * @param nowMs monotonic milliseconds.
   */
  review?(view: PoolView, nowMs: number): PolicyReview;
}
