import { Metadata, status, type ServiceError } from '@grpc/grpc-js';

/** Which option ended a stream. */
export type LifeLimit = 'idleTimeoutMs' | 'maxLifetimeMs';

const WHY: Record<LifeLimit, (limitMs: number) => string> = {
  idleTimeoutMs: (limitMs) => `no message was sent or taken for ${limitMs} ms (idleTimeoutMs)`,
  maxLifetimeMs: (limitMs) => `it has been open for ${limitMs} ms (maxLifetimeMs)`,
};

/** Says in the details of a status which limit was reached. */
export function limitDetails(limit: LifeLimit, limitMs: number): string {
  return `Cancelled on client: ${WHY[limit](limitMs)}`;
}

/** Tells a reader or writer that its stream was ended by a limit on its life. A `ServiceError` with code CANCELLED. */
export class StreamLimitError extends Error implements ServiceError {
  readonly code = status.CANCELLED;
  readonly details: string;
  readonly metadata = new Metadata();

  constructor(
    readonly limit: LifeLimit,
    /** Milliseconds that it allowed. */
    readonly limitMs: number,
  ) {
    const details = limitDetails(limit, limitMs);
    super(`${status.CANCELLED} CANCELLED: ${details}`);
    this.name = 'StreamLimitError';
    this.details = details;
  }
}
