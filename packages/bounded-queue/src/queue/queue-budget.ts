/**
 * Counts the calls and bytes that wait, for one queue or for several that share their bounds. Each queue checks the sum
 * against its own `maxQueuedCalls` and `maxQueuedBytes`; only queues add to it.
 */
export class QueueBudget {
  /** Calls that wait. */
  calls = 0;
  /** Bytes of the messages that they hold. */
  bytes = 0;
}
