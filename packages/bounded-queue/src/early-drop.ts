import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus, type CallExplanation } from '@grpc-manifold/core';

/** The numbers that a call was dropped early on. */
export interface EarlyDropFacts extends CallExplanation {
  /** Milliseconds that it would wait, for its place or, where that is known, for its answer. */
  readonly expectedMs: number;
  /** Milliseconds that are left until its deadline. */
  readonly remainingMs: number;
  readonly inFlightCalls: number;
  readonly queuedCalls: number;
}

/**
 * Makes the RESOURCE_EXHAUSTED status of a call that would be late before it was sent: told now, its caller can do
 * something else.
 */
export function earlyDropRefusal({ expectedMs, remainingMs, ...facts }: EarlyDropFacts): StatusObject {
  const [expected, remaining] = [Math.ceil(expectedMs), Math.ceil(remainingMs)];
  return explainedStatus(
    status.RESOURCE_EXHAUSTED,
    `Refused before it was sent, early-drop: it would wait ${expected} ms and has ${remaining} ms until its deadline; ` +
      `${facts.inFlightCalls} calls in flight, ${facts.queuedCalls} queued`,
    { refusedBy: 'early-drop', limit: remaining, ...facts },
  );
}
