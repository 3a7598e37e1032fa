import type { ChannelState, TransportFault } from '@grpc-manifold/core';

/** Who is told what becomes of a member. */
export interface MemberObserver<Member> {
  onStateChange(member: Member, from: ChannelState, reason: string, fault?: TransportFault): void;
  /** There may be room for another call. */
  onRoom(member: Member): void;
  /** The member has nearly used up its resets: another should take its place. */
  onLowResets(member: Member): void;
  /** The connection gave no sign of life when it was asked for one. Its calls are lost. */
  onDeath(member: Member, fault: TransportFault): void;
  /** The connection was verified before a call and gave no sign of life in time. */
  onUnverified(member: Member, fault: TransportFault): void;
  /** Something went wrong with the connection while it drained. */
  onFault(member: Member, fault: TransportFault): void;
  /** True when somebody waits for a connection. */
  isAwaited(): boolean;
  /** The member's calls call for a decision on it. */
  onVitals(member: Member): void;
  /** False when this process was too busy to tell how long a call took that ended now. */
  wasPresent(sinceMs: number, nowMs: number): boolean;
}
