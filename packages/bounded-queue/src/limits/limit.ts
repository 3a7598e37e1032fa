/** What became of one call, told to a {@link ConcurrencyLimit} when the call ends. */
export interface LimitSample {
  /** Milliseconds from admission to status. */
  readonly rttMs: number;
  /** Calls in flight when this one was admitted, itself included. */
  readonly inFlight: number;
  /** Whether the call ended as calls do under overload: DEADLINE_EXCEEDED, UNAVAILABLE or RESOURCE_EXHAUSTED. */
  readonly dropped: boolean;
}

/**
 * Says how many calls may be in flight, and learns it from how calls went. It has no clock and no timer: all it knows
 * is in the samples. Calls that were cancelled are not to be told of: they say nothing of the server.
 */
export interface ConcurrencyLimit {
  /** Calls that may be in flight now. A whole number of at least 1; Infinity where nothing is limited. */
  readonly current: number;
  /** Learns from a call that has ended. Never throws; a sample whose `rttMs` is no number of at least 0 is ignored. */
  onSample(sample: LimitSample): void;
}
