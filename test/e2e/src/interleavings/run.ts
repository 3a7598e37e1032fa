import type { ClientCall, FakeClock } from '@grpc-manifold/testing';
import type { ChannelPool } from 'grpc-manifold';
import type { RecordedCall } from '../endings/recorded-call.js';
import type { BookedPeer } from './booked-peer.js';
import type { Plan } from './plan.js';

/** One run of a plan, as its parts see it. */
export interface Run {
  readonly plan: Plan;
  readonly pool: ChannelPool;
  readonly peer: BookedPeer;
  readonly clock: FakeClock;
  /** Calls that were started. */
  readonly calls: RecordedCall[];
  /** Calls that were cancelled before they were started. */
  readonly stillborn: ClientCall[];
  /** The pool was told to end. */
  readonly isEnding: boolean;
}
