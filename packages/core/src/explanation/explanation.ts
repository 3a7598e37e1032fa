import type { TransportFault } from '../faults/fault.js';

/** Which bound refused a call before any byte of it was sent. */
export type RefusedBy =
  | 'queue-full'
  | 'queue-bytes'
  | 'queue-time'
  | 'early-drop'
  | 'limit'
  | 'share'
  | 'breaker'
  | 'closed'
  | 'no-connection';

/**
 * What a call waited for: a stream, where those of all connections were in use; a sign of life, where streams were free
 * on connections that had to show first that they live; a connection; its call credentials, as a token; a slot of
 * `boundedQueue`.
 */
export type WaitedFor = 'stream' | 'sign-of-life' | 'connection' | 'credentials' | 'slot';

/** What a circuit breaker knew when it refused a call. */
export interface BreakerExplanation {
  /** What the breaker counts the call under; the method path by default. */
  readonly key: string;
  readonly state: 'open' | 'half-open';
  /** Share of failed calls, 0 to 1, when it opened. */
  readonly errorRatio: number;
  /** Share of slow calls then, where the breaker was told what is slow. */
  readonly slowRatio?: number;
  /** Milliseconds until a call is let through to probe; left out while one is under way. */
  readonly nextProbeMs?: number;
}

/** What one of our layers knows of how a call ended: the `details` of its status, structured. */
export interface CallExplanation {
  readonly refusedBy?: RefusedBy;
  /** It ended before any byte of it was sent. Of a call that was refused, `refusedBy` says so. */
  readonly neverSent?: true;
  /** What it waited for when it ended. Without a connection its ending tells something of the server; else nothing. */
  readonly waitedFor?: WaitedFor;
  /** Streams in use on the connections that were ready, and how many they allow together. */
  readonly usedStreams?: number;
  readonly streamCapacity?: number;
  /**
   * Who set the `limit` of the streams of a connection; 'default' where nothing is known of the server's, or it has
   * none.
   */
  readonly limitedBy?: 'server' | 'maxStreamsPerChannel' | 'default';
  readonly breaker?: BreakerExplanation;
  /** Milliseconds that the call waited before it was handed to a connection or refused. */
  readonly queueWaitMs?: number;
  /** The pool's number of the connection that carried the call. */
  readonly channelId?: number;
  /**
   * The bound that refused the call, or that it waited for, in its own unit (calls, bytes or milliseconds; for streams,
   * those of one connection, the largest there was).
   */
  readonly limit?: number;
  readonly inFlightCalls?: number;
  readonly queuedCalls?: number;
  readonly fault?: TransportFault;
  readonly lastConnectionError?: string;
  /** The connection that a call was tried on again. */
  readonly retriedOn?: number;
  /**
   * Where `explain` read it; it alone says so. `object`: one of our layers in this process made it. `text`: it was read
   * from words, as they are left by libraries that make errors of their own of ours. A server that uses these packages
   * may forward such words as its own, so they need not be about this client.
   */
  readonly from?: 'object' | 'text';
}
