import type { ChannelOptions } from '@grpc/grpc-js';

/**
 * Where a connection is in its life. `failed`: it could not be made, or it is ejected and gets no calls for a while.
 */
export type ChannelState = 'connecting' | 'ready' | 'draining' | 'failed' | 'closed';

/** What a policy sees of one connection. All times are milliseconds. */
export interface ChannelView {
  /** Counts up from 1 within the pool; never used twice. */
  readonly id: number;
  readonly state: ChannelState;
  /**
   * True while the connection gets no calls because those on it failed, were slow or were not answered; `state` is
   * `failed`.
   */
  readonly isEjected: boolean;
  /**
   * A number from 0 to below 1, drawn when the connection was made and kept: jitter that does not change from look to
   * look.
   */
  readonly jitterFraction: number;
  readonly inFlightCalls: number;
  /** Since it became ready; 0 before. */
  readonly ageMs: number;
  /** Since a call last began or ended on it; 0 while one runs. */
  readonly idleMs: number;
  /** Since anything was heard of the other end. Where the socket cannot be seen: since a call heard something. */
  readonly silentMs: number;
  /** Since it began to drain; 0 before. */
  readonly drainingMs: number;
  /**
   * True where the pool can send a PING itself; false where only grpc-js can (a `channelFactory` of the user's own).
   */
  readonly canPing: boolean;
  /** PINGs that were sent on it by a policy. */
  readonly pings: number;
  /** Since the last of them was sent; Infinity when none was. */
  readonly pingedMs: number;
  /** True while one of them is unanswered. */
  readonly isPinging: boolean;
  /**
   * The shortest interval of the pool, {@link PoolView.keepaliveTimeMs}, in force when one was sent; Infinity for none.
   */
  readonly keepaliveTimeMs: number;
}

/** What a policy sees of a pool. */
export interface PoolView {
  readonly minChannels: number;
  readonly maxChannels: number;
  /** Every connection that is not closed, oldest first. */
  readonly channels: readonly ChannelView[];
  /** The interval between PINGs that a policy has set; undefined while none has. It outlives connections. */
  readonly keepaliveTimeMs: number | undefined;
  /**
   * Connections that the server closed with `too_many_pings` since that interval was set, not counting those that
   * had sent PINGs more often than it.
   */
  readonly pingStrikes: number;
}

/**
 * What a policy wants done. What names a connection that is not there any more, or not in a state for it, is ignored.
 */
export type PolicyAction =
  /**
   * Close a connection: now when it has no calls, else when they have ended; one that drains already loses its calls.
   */
  | { readonly kind: 'close'; readonly channelId: number; readonly reason: string }
  /** Replace a connection: another is made ready first, then this one drains. One at a time. */
  | { readonly kind: 'rotate'; readonly channelId: number; readonly reason: string }
  /**
   * Send a PING. Without an answer within `timeoutMs` (default 20,000) the connection is given up as
   * `keepalive-timeout`.
   */
  | { readonly kind: 'ping'; readonly channelId: number; readonly reason: string; readonly timeoutMs?: number }
  /** Before its next call ask the other end for a sign of life, without a PING; without one another takes its place. */
  | { readonly kind: 'verify'; readonly channelId: number; readonly reason: string }
  /** Tell the pool the interval between PINGs. It is shown in `stats()`, and kept when connections come and go. */
  | { readonly kind: 'set-keepalive'; readonly timeMs: number; readonly reason: string };

/** What a policy decided. */
export interface PolicyReview {
  readonly actions: readonly PolicyAction[];
  /** Milliseconds until it wants to look again; Infinity for "when a connection changes its state". */
  readonly nextReviewMs: number;
}

/**
 * Decides what becomes of the connections of a pool. Pure: it gets what there is to see and the time, and returns what
 * is to be done; the pool does it. So one object may serve many pools, and its tests are tables.
 */
export interface ConnectionPolicy {
  readonly name: string;
  /** Options of grpc-js that each connection is made with. The user's `channelOptions` go before them. */
  channelOptions?(): ChannelOptions;
  /**
   * Called when a connection changes its state, and when the time that the last review asked for has come.
   *
   * @param nowMs monotonic milliseconds.
   */
  review?(view: PoolView, nowMs: number): PolicyReview;
}
