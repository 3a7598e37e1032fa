import type { CallCredentials } from '@grpc/grpc-js';
import type { DeadlineTimers, Timed } from '@grpc-manifold/core/internal';
import type { ThreadConnection } from './thread-connection.js';

/** What a call needs of the channel that it was made on. */
export interface CallingChannel<Call extends Timed> {
  /** True for a channel of a pool. The pool runs the callbacks of its calls in their async context itself. */
  readonly isMember: boolean;
  readonly deadlines: DeadlineTimers<Call>;
  readonly callCredentials: CallCredentials | undefined;
  getTarget(): string;
  /** The connection for a new call; undefined when the channel is closed. */
  connectionForCall(): ThreadConnection | undefined;
}
