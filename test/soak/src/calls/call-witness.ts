import type { Metadata, StatusObject } from '@grpc/grpc-js';
import type { EchoResponse } from '@grpc-manifold/testing';

/** Hears what comes of a call. */
export interface CallWitness {
  /** The metadata that the call goes out with. */
  readonly metadata: Metadata;
  onResponse(response: EchoResponse): void;
  onStatus(status: StatusObject): void;
  /** The caller ends it from here on, whatever the server says. */
  onLeave(): void;
  /** The caller has been told that it is over: by a callback, an event, a rejection or the end of a loop. */
  onTold(): void;
}

/** What every call of a generated client has. */
export interface WatchedCall {
  cancel(): void;
  on(event: 'status', listener: (status: StatusObject) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** For rejections and errors that the status tells of already. */
export function ignore(): void {}

/** Has a witness hear the status of a call. */
export function watchCall(call: WatchedCall, witness: CallWitness): void {
  call.on('status', (status) => witness.onStatus(status));
  call.on('error', ignore);
}

/** Has the caller leave after a time. Returns what stops that. @param afterMs undefined for never. */
export function leaveAfter(afterMs: number | undefined, witness: CallWitness, call: { cancel(): void }): () => void {
  if (afterMs === undefined) return ignore;
  const timer = setTimeout(() => {
    witness.onLeave();
    call.cancel();
  }, afterMs);
  return () => clearTimeout(timer);
}
