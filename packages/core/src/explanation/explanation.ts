import type { TransportFault } from '../faults/fault.js';

/** The limit that refused a call before any byte of it was sent. */
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
 * What a call waited for:
 *
 * - `stream`: all streams of all connections were in use.
 * - `sign-of-life`: streams were free only on connections that were being verified.
 * - `connection`: no connection was ready.
 * - `credentials`: the call credentials, such as a token.
 * - `slot`: a slot of `boundedQueue`.
 */
export type WaitedFor = 'stream' | 'sign-of-life' | 'connection' | 'credentials' | 'slot';

/** The state of a circuit breaker when it refused a call. */
export interface BreakerExplanation {
  /** The key of the circuit that counts the call; the method path by default. */
  readonly key: string;
  readonly state: 'open' | 'half-open';
  /** The share of failed calls, 0 to 1, when the circuit opened. */
  readonly errorRatio: number;
  /** The share of slow calls, 0 to 1, when the circuit opened. Set only when the breaker has a limit for slow calls. */
  readonly slowRatio?: number;
  /** Milliseconds until the next probe call is admitted. Undefined while a probe is in progress. */
  readonly nextProbeMs?: number;
}

/** Explains how a call ended. It contains the facts in the `details` of the status, in structured form. */
export interface CallExplanation {
  readonly refusedBy?: RefusedBy;
  /** Set when the call ended before any byte of it was sent. A refused call has `refusedBy` instead. */
  readonly neverSent?: true;
  /**
   * What the call waited for when it ended. `connection` says something about the health of the server; the other
   * values do not.
   */
  readonly waitedFor?: WaitedFor;
  /** The number of streams in use on all ready connections; `streamCapacity` is how many these connections allow. */
  readonly usedStreams?: number;
  readonly streamCapacity?: number;
  /**
   * What set the stream `limit` of a connection: the server, the option `maxStreamsPerChannel`, or the default when the
   * limit of the server is unknown or infinite.
   */
  readonly limitedBy?: 'server' | 'maxStreamsPerChannel' | 'default';
  readonly breaker?: BreakerExplanation;
  /** Milliseconds that the call waited before a connection got it or it was refused. */
  readonly queueWaitMs?: number;
  /** The id, within the pool, of the connection that carried the call. */
  readonly channelId?: number;
  /**
   * The limit that refused the call or made it wait, in its own unit: calls, bytes or milliseconds. For streams it is
   * the limit of one connection, the largest of all connections.
   */
  readonly limit?: number;
  readonly inFlightCalls?: number;
  readonly queuedCalls?: number;
  readonly fault?: TransportFault;
  readonly lastConnectionError?: string;
  /** The id of the connection that the call was retried on. */
  readonly retriedOn?: number;
  /**
   * Where `explain` found the explanation; only `explain` sets it. `object`: a grpc-manifold layer in this process
   * created it. `text`: it was parsed from text, because a library replaced the error with its own. A server that uses
   * grpc-manifold may forward such text, so it is not necessarily about this client.
   */
  readonly from?: 'object' | 'text';
}
