import type { StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '@grpc-manifold/core';
import { refusal } from '@grpc-manifold/core/internal';

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
  const said = { expectedMs: Math.ceil(expectedMs), remainingMs: Math.ceil(remainingMs) };
  return refusal('early-drop', said, { limit: said.remainingMs, ...facts });
}
