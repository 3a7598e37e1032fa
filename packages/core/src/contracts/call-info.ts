import type { Metadata } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';

/** The shape of an RPC, where it is known. A channel is not told: calls made on one directly are 'unknown'. */
export type CallKind = 'unary' | 'server-stream' | 'client-stream' | 'bidi' | 'unknown';

/** Tells the kind of a method by which of its sides are streams, as method definitions have it. */
export function callKindOf(method: {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}): Exclude<CallKind, 'unknown'> {
  if (method.requestStream) return method.responseStream ? 'bidi' : 'client-stream';
  return method.responseStream ? 'server-stream' : 'unary';
}

/** What is known of a call before it is sent. */
export interface CallInfo {
  /** The full method path, as '/package.Service/Method'. */
  readonly method: string;
  readonly kind: CallKind;
  /** Absolute: a Date or epoch milliseconds; Infinity for none. */
  readonly deadline: Date | number;
  /** The authority that the caller asked for, when it is not the channel's own. */
  readonly host?: string | undefined;
  readonly metadata: Metadata;
}

/** What is told of a call that we refused before any byte of it was sent. */
export interface ShedReport {
  readonly call: CallInfo;
  readonly explanation: CallExplanation;
}
