import type { ChannelState, TransportFault } from '@grpc-manifold/core';

/** One connection of a pool, as it is now. */
export interface ChannelStats {
  readonly id: number;
  readonly state: ChannelState;
  readonly inFlightCalls: number;
  /**
   * Calls that ended for their callers by deadline or cancel, whose streams the connection has not confirmed as gone.
   */
  readonly endingStreams: number;
  /** Streams that we put on the connection at the most. */
  readonly maxConcurrentStreams: number;
  /** True when the server's own limit is known and is what holds. */
  readonly learnedFromServer: boolean;
  readonly ageMs: number;
  /** Milliseconds since a call last began or ended on it; 0 while one runs. */
  readonly idleMs: number;
  readonly startedCalls: number;
  readonly failedCalls: number;
  /** Address and port of the other end, once connected. */
  readonly peer?: string;
}

/** A pool, as it is now. A frozen snapshot. */
export interface ChannelPoolStats {
  readonly target: string;
  readonly state: 'IDLE' | 'CONNECTING' | 'READY' | 'TRANSIENT_FAILURE' | 'SHUTDOWN';
  readonly channels: readonly ChannelStats[];
  /** Connections that take no new calls and still have some. */
  readonly drainingChannels: number;
  readonly inFlightCalls: number;
  readonly queuedCalls: number;
  readonly queuedBytes: number;
  /** Streams that the ready connections may carry together. */
  readonly streamCapacity: number;
  /** Calls that were started on the pool, whatever became of them. */
  readonly startedCalls: number;
  readonly succeededCalls: number;
  readonly failedCalls: number;
  /** Calls that were refused before a byte of them was sent. */
  readonly shedCalls: number;
  readonly cancelledCalls: number;
  /** Calls that were tried again on another connection. */
  readonly retriedCalls: number;
  /**
   * Milliseconds between PINGs in force, where a policy has set them; longer than asked for once a server found them
   * too many.
   */
  readonly keepaliveTimeMs?: number;
  readonly lastFault?: TransportFault;
  readonly lastConnectionError?: string;
}

/** What a drain did. */
export interface DrainReport {
  /** Calls that were in flight or waiting when it began and ended by themselves. */
  readonly finishedCalls: number;
  /** Calls that it ended. */
  readonly cancelledCalls: number;
  readonly closedChannels: number;
  /** Sockets that had to be destroyed because their peer was silent. */
  readonly forcedSockets: number;
  readonly durationMs: number;
}

/** What happened to a connection. */
export interface ChannelStateChange {
  readonly id: number;
  readonly from: ChannelState;
  readonly to: ChannelState;
  readonly reason: string;
  readonly fault?: TransportFault;
}

/** Something about a pool is out of the ordinary. */
export interface PoolAlarm {
  /** More than `maxDrainingChannels` connections drain. Told once; again after it were half of that or fewer. */
  readonly reason: 'draining';
  readonly drainingChannels: number;
  readonly maxDrainingChannels: number;
  /** Calls on the connections that drain. */
  readonly inFlightCalls: number;
}
