import { inspect } from 'node:util';
import { status } from '@grpc/grpc-js';
import { ownError } from './call-error.js';
import { limitDetails, StreamLimitError, type LifeLimit } from './stream-limit-error.js';

/** Why a stream is ended from our side before the server ended it. */
export type Ending =
  | { readonly by: 'cancel'; readonly reason: unknown }
  | { readonly by: 'owner' }
  | { readonly by: 'reader' }
  | { readonly by: 'collector' }
  | { readonly by: 'signal'; readonly reason: unknown }
  | { readonly by: 'limit'; readonly limit: LifeLimit; readonly limitMs: number }
  | { readonly by: 'destroy'; readonly error: unknown }
  | { readonly by: 'drain'; readonly bound: string };

/** Says it in the details of the status. */
export function endingDetails(ending: Ending): string {
  const cancelled = 'Cancelled on client';
  switch (ending.by) {
    case 'cancel':
      return ending.reason === undefined ? cancelled : `${cancelled}: ${textOf(ending.reason)}`;
    case 'owner':
      return `${cancelled}: the stream was disposed of`;
    case 'reader':
      return `${cancelled}: its reader left before the end`;
    case 'collector':
      return `${cancelled}: nobody held the stream any more, and it was garbage-collected`;
    case 'signal':
      return `${cancelled}: its signal was aborted: ${textOf(ending.reason)}`;
    case 'limit':
      return limitDetails(ending.limit, ending.limitMs);
    case 'destroy':
      return ending.error === undefined || ending.error === null
        ? `${cancelled}: the stream was destroyed`
        : `${cancelled}: the stream was destroyed: ${textOf(ending.error)}`;
    case 'drain':
      return `${cancelled}: it had not ended when its drain reached ${ending.bound}`;
  }
}

/** What whoever reads or writes is told. */
export function endingError(ending: Ending): unknown {
  switch (ending.by) {
    case 'signal':
      // As everything else does that takes a signal.
      return ending.reason;
    case 'limit':
      return new StreamLimitError(ending.limit, ending.limitMs);
    case 'cancel':
      return ownError(status.CANCELLED, endingDetails(ending), ending.reason);
    case 'destroy':
      return ownError(status.CANCELLED, endingDetails(ending), ending.error ?? undefined);
    default:
      return ownError(status.CANCELLED, endingDetails(ending));
  }
}

/** Never throws: a reason can be anything. */
function textOf(reason: unknown): string {
  if (typeof reason === 'string') return reason;
  if (reason instanceof Error && typeof reason.message === 'string') return reason.message;
  return inspect(reason, { depth: 0 });
}
