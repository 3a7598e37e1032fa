import type { CallOptions } from '@grpc/grpc-js';
import type { Done } from './bytes-service.js';

/** Something that makes unary calls, however it does. */
export interface UnaryClient {
  send(request: Buffer, options: CallOptions, done: Done): void;
  close(): void | Promise<void>;
}

/** Connections that a client may open. Clients that have one whatever is asked ignore it. */
export interface ConnectionCount {
  readonly min: number;
  readonly max: number;
}
