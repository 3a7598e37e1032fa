import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus } from '@grpc-manifold/core';
import type { ResolvedQueueOptions } from './options.js';

/** The numbers that a refusal was made on. */
export interface QueueFacts {
  readonly limits: ResolvedQueueOptions;
  readonly queuedCalls: number;
  readonly queuedBytes: number;
  readonly inFlightCalls: number;
  /** Milliseconds that the call had waited; 0 when it never did. */
  readonly waitedMs: number;
}

/** Makes the RESOURCE_EXHAUSTED status of a call that a bound of the queue refused; `details` names bound and numbers. */
export function queueRefusal(refusedBy: 'queue-full' | 'queue-bytes' | 'queue-time', facts: QueueFacts): StatusObject {
  const { limits, queuedCalls, queuedBytes, inFlightCalls } = facts;
  const waitedMs = Math.round(facts.waitedMs);
  const [limit, reason] = {
    'queue-full': [limits.maxQueuedCalls, `${queuedCalls} calls wait (maxQueuedCalls ${limits.maxQueuedCalls})`],
    'queue-bytes': [limits.maxQueuedBytes, `${queuedBytes} bytes wait (maxQueuedBytes ${limits.maxQueuedBytes})`],
    'queue-time': [limits.maxQueueTimeMs, `waited ${waitedMs} ms (maxQueueTimeMs ${limits.maxQueueTimeMs})`],
  }[refusedBy] as [number, string];
  return explainedStatus(
    status.RESOURCE_EXHAUSTED,
    `Refused before it was sent, ${refusedBy}: ${reason}; ${inFlightCalls} calls in flight, ${queuedCalls} queued`,
    { refusedBy, limit, queueWaitMs: waitedMs, inFlightCalls, queuedCalls },
  );
}
