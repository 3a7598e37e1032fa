import type { connectivityState } from '@grpc/grpc-js';
import type { ConnectionSnapshot } from '../wire/connection-snapshot.js';
import type { ThreadEvent } from '../wire/thread-event.js';

/** A connection in a worker thread. The calling thread reports the thread's messages to it. */
export interface ThreadedConnection {
  /** The connection's number in its thread. The thread assigns it in `addConnection`. */
  number: number;
  onEvent(event: Exclude<ThreadEvent, { kind: 'started' }>): void;
  onStateChange(state: connectivityState): void;
  onSnapshot(changes: Partial<ConnectionSnapshot>): void;
  /** The worker thread has ended, and the connection with it. */
  onThreadEnd(reason: string): void;
}
