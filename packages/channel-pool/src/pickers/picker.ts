import type { CallInfo } from '@grpc-manifold/core';

/** What a picker sees of a connection. */
export interface MemberView {
  /** Counts up from 1 within the pool; never used twice. */
  readonly id: number;
  /** Streams that take up room on the connection: calls in flight, and calls whose end it has not confirmed yet. */
  readonly usedStreams: number;
  /** Streams that may be on the connection. */
  readonly maxConcurrentStreams: number;
  /** Milliseconds since it became ready. */
  readonly connectedMs: number;
}

/** How a call on a connection went. */
export interface PickOutcome {
  /**
   * Milliseconds from handing the call to the connection to the first answer to it, headers or status: a long stream
   * says as much of its connection as a short call.
   */
  readonly rttMs: number;
  /**
   * False when the call ended by UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, RESOURCE_EXHAUSTED or DATA_LOSS.
   */
  readonly ok: boolean;
}

/** Chooses the connection that gets the next call. */
export interface Picker {
  /**
   * Picks one of the connections that are ready and have a free stream, or undefined to let the call wait. Must not
   * block and must not keep the array; what it returns must be out of it.
   */
  pick(members: readonly MemberView[], call: CallInfo): MemberView | undefined;
  /** Hears how each call went. Without it nothing is measured. */
  onCallEnd?(member: MemberView, outcome: PickOutcome): void;
}
