import type { Metadata } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';

/** The kind of an RPC. Calls made directly on a channel are 'unknown': a channel does not get the method definition. */
export type CallKind = 'unary' | 'server-stream' | 'client-stream' | 'bidi' | 'unknown';

/** Returns the kind of a method from its definition. */
export function callKindOf(method: {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}): Exclude<CallKind, 'unknown'> {
  if (method.requestStream) return method.responseStream ? 'bidi' : 'client-stream';
  return method.responseStream ? 'server-stream' : 'unary';
}

/** The properties of a call that are known before it is sent. */
export interface CallInfo {
  /** The full method path, such as '/package.Service/Method'. */
  readonly method: string;
  readonly kind: CallKind;
  /** Absolute: a Date or epoch milliseconds; Infinity for none. */
  readonly deadline: Date | number;
  /** The authority that the caller set; undefined for the channel's default authority. */
  readonly host?: string | undefined;
  readonly metadata: Metadata;
}

/** Reports a call that grpc-manifold refused before any byte of it was sent. */
export interface ShedReport {
  readonly call: CallInfo;
  readonly explanation: CallExplanation;
}
