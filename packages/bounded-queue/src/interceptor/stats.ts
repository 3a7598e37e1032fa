/** What a bounded queue holds at one moment. */
export interface QueueStats {
  /** Calls that may be in flight now. */
  readonly limit: number;
  /** Calls that hold a slot of `limit`. */
  readonly inFlightCalls: number;
  /** Streaming calls that hold a slot of `streamLimit`; 0 where they are not counted apart. */
  readonly inFlightStreams: number;
  /** Calls that wait for a slot, of either kind. */
  readonly queuedCalls: number;
  /** Bytes of serialized messages that they hold. */
  readonly queuedBytes: number;
  /** Calls that were refused since the queue was made. */
  readonly shedCalls: number;
  /** Milliseconds that the one has waited that waits longest; 0 when none waits. */
  readonly oldestWaitMs: number;
}
