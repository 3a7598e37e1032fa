import type { CallOptions } from '@grpc/grpc-js';
import type { Event, ShedReport } from '@grpc-manifold/core';
import type { Done } from './bytes-service.js';

/** Something that makes unary calls, however it does. */
export interface UnaryClient {
  send(request: Buffer, options: CallOptions, done: Done): void;
  close(): void | Promise<void>;
  /** It refused a call; where it refuses any. */
  readonly onShed?: Event<ShedReport>;
}

/** Connections that a client may open. Clients that have one whatever is asked ignore it. */
export interface ConnectionCount {
  readonly min: number;
  readonly max: number;
}
