import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus, type RefusedBy } from '@grpc-manifold/core';
import type { ResolvedQueueOptions } from './options.js';
import type { PartitionFacts } from './partition.js';

/** Which rule of the queue refused, or pushed out what waited to let another in. */
export type QueueRefusal = Extract<RefusedBy, 'queue-full' | 'queue-bytes' | 'share'>;

/** The numbers that a refusal was made on. */
export interface QueueFacts {
  readonly limits: Pick<ResolvedQueueOptions, 'maxQueuedCalls' | 'maxQueuedBytes' | 'maxQueueTimeMs'>;
  readonly queuedCalls: number;
  readonly queuedBytes: number;
  readonly inFlightCalls: number;
  /** Milliseconds that the call had waited; 0 when it never did. */
  readonly waitedMs: number;
  /** What the call is counted under, where calls are partitioned: {@link AdmissionQueue.partitionOf}. */
  readonly partition?: PartitionFacts | undefined;
}

/** Makes the RESOURCE_EXHAUSTED status of a call that the queue refused; `details` names the bound and the numbers. */
export function queueRefusal(refusedBy: QueueRefusal | 'queue-time', facts: QueueFacts): StatusObject {
  const { queuedCalls, inFlightCalls } = facts;
  const waitedMs = Math.round(facts.waitedMs);
  const [limit, reason] = boundAndReason(refusedBy, facts, waitedMs);
  return explainedStatus(
    status.RESOURCE_EXHAUSTED,
    `Refused before it was sent, ${refusedBy}: ${reason}; ${inFlightCalls} calls in flight, ${queuedCalls} queued`,
    { refusedBy, limit, queueWaitMs: waitedMs, inFlightCalls, queuedCalls },
  );
}

function boundAndReason(
  refusedBy: QueueRefusal | 'queue-time',
  { limits, queuedCalls, queuedBytes, partition }: QueueFacts,
  waitedMs: number,
): [limit: number, reason: string] {
  const { maxQueuedCalls, maxQueuedBytes, maxQueueTimeMs } = limits;
  switch (refusedBy) {
    case 'queue-full':
      return [maxQueuedCalls, `${queuedCalls} calls wait (maxQueuedCalls ${maxQueuedCalls})`];
    case 'queue-bytes':
      return [maxQueuedBytes, `${queuedBytes} bytes wait (maxQueuedBytes ${maxQueuedBytes})`];
    case 'queue-time':
      return [maxQueueTimeMs, `waited ${waitedMs} ms (maxQueueTimeMs ${maxQueueTimeMs})`];
    case 'share': {
      const { key, ratio, queuedCalls: calls, inFlightCalls } = partition ?? WHOLE;
      const share = Math.floor(maxQueuedCalls * ratio);
      return [
        share,
        `${calls} calls of partition '${shortened(key)}' wait and ${inFlightCalls} are in flight, ` +
          `its share of maxQueuedCalls ${maxQueuedCalls} is ${share}`,
      ];
    }
  }
}

/** What a call is counted under where nobody tells partitions apart; then none is refused for its share. */
const WHOLE: PartitionFacts = { key: '', ratio: 1, queuedCalls: 0, inFlightCalls: 0 };

/** A key may be anything that a caller sent, and goes into a header or a log. */
function shortened(key: string): string {
  return key.length > 64 ? `${key.slice(0, 63)}…` : key;
}
