import { status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '@grpc-manifold/core';

/** What the end of a call tells of the server: that it does, that it does not, or nothing. */
export type CallJudgement = 'ok' | 'failed' | 'ignored';

const FAILURES: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNKNOWN,
  status.DATA_LOSS,
]);

/** Tells whether a status is one of a server that cannot do, not of a call that it would not do. */
export function isFailureByDefault({ code }: StatusObject): boolean {
  return FAILURES.has(code);
}

/** Judges the end of a call. @param explanation what our layers know of it. */
export function judgeCall(
  ending: StatusObject,
  explanation: CallExplanation | undefined,
  isFailure: (status: StatusObject) => boolean,
): CallJudgement {
  // Whoever cancelled it, the server was not waited for.
  if (ending.code === status.CANCELLED) return 'ignored';
  // The server has not seen it; that there was no connection to it is its doing, for all we know.
  const { refusedBy, neverSent, waitedFor } = explanation ?? {};
  if (refusedBy !== undefined) return 'ignored';
  if ((neverSent === true || waitedFor !== undefined) && waitedFor !== 'connection') return 'ignored';
  return isFailure(ending) ? 'failed' : 'ok';
}
