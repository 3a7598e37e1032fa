import { Metadata, status as Status, type ServiceError, type StatusObject } from '@grpc/grpc-js';

/** Makes the error that grpc-js would make of a status. @param cause what brought it about, where that is known. */
export function callError(status: StatusObject, cause?: unknown): ServiceError {
  const message = `${status.code} ${Status[status.code]}: ${status.details}`;
  // All that the status carries, the explanations of our layers included.
  return Object.assign(cause === undefined ? new Error(message) : new Error(message, { cause }), status);
}

/** An error of our own that looks like one of grpc-js. */
export function ownError(code: Status, details: string, cause?: unknown): ServiceError {
  return callError({ code, details, metadata: new Metadata() }, cause);
}

/** True for what grpc-js emits at the end of a call, as against an error of the stream. */
export function isServiceError(error: unknown): error is ServiceError {
  const { code, metadata } = (error ?? {}) as Partial<ServiceError>;
  return error instanceof Error && typeof code === 'number' && metadata instanceof Metadata;
}
