import type { StatusObject } from '@grpc/grpc-js';
import type { RefusedBy } from '@grpc-manifold/core';
import { refusal } from '@grpc-manifold/core/internal';
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
  const { maxQueuedCalls, maxQueuedBytes, maxQueueTimeMs } = facts.limits;
  const { inFlightCalls, queuedCalls, queuedBytes } = facts;
  const waitedMs = Math.round(facts.waitedMs);
  const numbers = (limit: number) => ({ limit, queueWaitMs: waitedMs, inFlightCalls, queuedCalls });
  switch (refusedBy) {
    case 'queue-full':
      return refusal(refusedBy, { queuedCalls, limit: maxQueuedCalls }, numbers(maxQueuedCalls));
    case 'queue-bytes':
      return refusal(refusedBy, { queuedBytes, limit: maxQueuedBytes }, numbers(maxQueuedBytes));
    case 'queue-time':
      return refusal(refusedBy, { waitedMs, limit: maxQueueTimeMs }, numbers(maxQueueTimeMs));
    case 'share': {
      const { ratio, ...partition } = facts.partition ?? WHOLE;
      const limit = Math.floor(maxQueuedCalls * ratio);
      return refusal(refusedBy, { ...partition, maxQueuedCalls, limit }, numbers(limit));
    }
  }
}

/** What a call is counted under where nobody tells partitions apart; then none is refused for its share. */
const WHOLE: PartitionFacts = { key: '', ratio: 1, queuedCalls: 0, inFlightCalls: 0 };
