import type { CallExplanation } from '@grpc-manifold/core';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { CallKeeper } from './call-keeper.js';
import type { CredentialsWait } from './credentials-wait.js';

/** Where a call is: made, waiting for a connection, handed to one, or in possession of its status. */
export type CallPhase = 'created' | 'waiting' | 'running' | 'ended';

/** A call that is explained. */
export interface ExplainedCall {
  readonly phase: CallPhase;
  /** Milliseconds that the call waited before it was handed to a connection. */
  readonly queueWaitMs: number;
  /** The connection that carries the call. */
  readonly member: PooledChannel | undefined;
}

/** What `explain()` tells of a call that ends now. */
export function callFacts<Call extends ExplainedCall>(
  call: Call,
  keeper: CallKeeper<Call>,
  retries: number,
  credentialsWait: CredentialsWait | undefined,
): CallExplanation {
  const { member } = call;
  const isWaiting = call.phase === 'waiting';
  const queueWaitMs = Math.round(isWaiting ? keeper.waitedMs(call) : call.queueWaitMs);
  if (member === undefined) {
    const neverSent = retries === 0 ? ({ neverSent: true } as const) : {};
    return { queueWaitMs, ...neverSent, ...(isWaiting ? keeper.awaited() : keeper.connectionTrouble()) };
  }
  const retried = retries > 0 ? { retriedOn: member.id } : {};
  return { queueWaitMs, channelId: member.id, ...retried, ...credentialsWait?.explanation(retries === 0) };
}
