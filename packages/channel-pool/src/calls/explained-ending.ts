import { status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '@grpc-manifold/core';
import { explainedStatus, faultOfStatus, NOT_PROCESSED, wordedStatus } from '@grpc-manifold/core/internal';
import type { PooledChannel } from '../member/pooled-channel.js';
import { neverProcessed } from './retries/never-processed.js';

/**
 * The status that a caller gets for one that a connection gave, which is not OK: with the fault of the connection where
 * that has ended the call.
 *
 * @param connections how many connections the call was put on.
 */
export function explainedEnding(
  received: StatusObject,
  member: PooledChannel | undefined,
  connections: number,
  facts: CallExplanation,
): StatusObject {
  const isConnections = member?.loss.isTotal === true || (neverProcessed(received) && member?.fault !== undefined);
  const loss = member?.loss.ofCall(received);
  const fault = isConnections ? member.fault : (loss ?? faultOfStatus(received));
  const explanation = { ...facts, ...(fault === undefined ? {} : { fault }) };
  // grpc-js has INTERNAL for most errors of a socket (docs/decisions/0022).
  const code = loss === undefined ? received.code : status.UNAVAILABLE;
  if (isConnections && fault !== undefined && neverProcessed(received)) {
    return wordedStatus(code, NOT_PROCESSED, { connections, fault }, explanation, received.metadata);
  }
  return explainedStatus(code, received.details, explanation, received.metadata);
}
