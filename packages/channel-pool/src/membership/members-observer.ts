import type { connectivityState } from '@grpc/grpc-js';
import type { CallInfo, TransportFault } from '@grpc-manifold/core';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { ChannelStateChange, PoolAlarm } from '../reports/stats.js';
import type { ScaleDecision } from './scaling.js';

/** Who uses the members. */
export interface MembersObserver {
  /** Calls that wait for a connection now. */
  queuedCalls(): number;
  /** The most calls, in flight and waiting, that there were at once since this was asked for last. */
  takePeak(): number;
  /** True when a call or a watcher of the pool's state waits for a connection. */
  isAwaited(): boolean;
  /** False once the pool is closing. */
  takesCalls(): boolean;
  /** Asked before a connection is opened. Returns nothing when it may be, else a promise of whether it then may. */
  beforeOpening(): Promise<boolean> | undefined;
  /** There may be room on a connection. */
  onRoom(): void;
  /** No connection is left, and the last attempt has failed. */
  onNoConnection(error: string): void;
  /** A connection is given up with calls on it: end them. */
  endCallsOn(member: PooledChannel, reason: string, fault: TransportFault | undefined): void;
  /** Carries out an operation: listeners are told when it is over, and the pool has done its own bookkeeping. */
  during<T>(operation: () => T): T;
  onStateChange(change: ChannelStateChange): void;
  onScale(decision: ScaleDecision): void;
  onAlarm(alarm: PoolAlarm): void;
  onConnectivity(state: connectivityState): void;
}

/** A call that a member is picked for. */
export interface TakingCall extends CallInfo {
  /** When the call was handed to a member, monotonic milliseconds; -1 where calls are not timed. */
  handedAtMs: number;
}
