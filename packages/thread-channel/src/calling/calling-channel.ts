import type { CallCredentials } from '@grpc/grpc-js';
import type { DeadlineTimers, Timed } from '@grpc-manifold/core/internal';
import type { ThreadConnection } from './thread-connection.js';

/** The channel that a call was made on. */
export interface CallingChannel<Call extends Timed> {
  /** True for the member of a pool, which tells its calls in their async context itself. */
  readonly isMember: boolean;
  readonly deadlines: DeadlineTimers<Call>;
  readonly callCredentials: CallCredentials | undefined;
  getTarget(): string;
  /** Where a call is carried; undefined when the channel is closed. */
  connectionForCall(): ThreadConnection | undefined;
}
