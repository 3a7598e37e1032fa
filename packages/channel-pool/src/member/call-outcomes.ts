import { status, type StatusObject } from '@grpc/grpc-js';
import type { TransportFault } from '@grpc-manifold/core';
import { wasSent, type Connection } from '@grpc-manifold/core/internal';
import { streamFault } from './stream-faults.js';
import type { Vitals } from './vitals.js';

/** Who is told when the calls of a connection call for a decision on it. */
export interface OutcomeObserver {
  onVitals(): void;
  /** False when this process was too busy to tell how long a call took that ended now. */
  wasPresent(sinceMs: number, nowMs: number): boolean;
}

/** Notes what timed calls tell of their connection. Times are monotonic milliseconds. */
export class CallOutcomes {
  constructor(
    private readonly vitals: Vitals,
    private readonly connection: Pick<Connection, 'session'>,
    private readonly observer: OutcomeObserver,
  ) {}

  /** A call was answered by headers. */
  answered(givenAtMs: number, nowMs: number): void {
    const isDecisive = this.vitals.answered(givenAtMs, nowMs, this.observer.wasPresent(givenAtMs, nowMs));
    if (isDecisive) this.observer.onVitals();
  }

  /** A call got its status without headers before it. */
  concluded(received: StatusObject, givenAtMs: number, nowMs: number): void {
    if (received.code === status.OK || wasSent(received.metadata)) return this.answered(givenAtMs, nowMs);
    const fault = this.#faultOf(received);
    if (fault === undefined) this.vitals.dropped(givenAtMs);
    else if (this.vitals.broken(fault, givenAtMs, nowMs)) this.observer.onVitals();
  }

  /** We ended a call before it was answered. */
  unanswered(code: status, givenAtMs: number, nowMs: number): void {
    if (code !== status.DEADLINE_EXCEEDED) return this.vitals.dropped(givenAtMs);
    const isDecisive = this.vitals.missed(givenAtMs, nowMs, this.observer.wasPresent(givenAtMs, nowMs));
    if (isDecisive) this.observer.onVitals();
  }

  /** Streams that end with their connection say nothing of how it treats streams. */
  #faultOf(received: StatusObject): TransportFault | undefined {
    return this.connection.session === 'destroyed' ? undefined : streamFault(received);
  }
}
