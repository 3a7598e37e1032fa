import { status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation, RefusedBy } from '@grpc-manifold/core';
import {
  QUEUE_BYTES,
  QUEUE_FULL,
  QUEUE_SHARE,
  QUEUE_TIME,
  wordedStatus,
  type Wording,
} from '@grpc-manifold/core/internal';
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
  const waitedMs = Math.round(facts.waitedMs);
  switch (refusedBy) {
    case 'queue-full':
      return refusal(QUEUE_FULL, refusedBy, { queuedCalls: facts.queuedCalls, limit: maxQueuedCalls }, facts);
    case 'queue-bytes':
      return refusal(QUEUE_BYTES, refusedBy, { queuedBytes: facts.queuedBytes, limit: maxQueuedBytes }, facts);
    case 'queue-time':
      return refusal(QUEUE_TIME, refusedBy, { waitedMs, limit: maxQueueTimeMs }, facts);
    case 'share': {
      const { ratio, ...partition } = facts.partition ?? WHOLE;
      return refusal(
        QUEUE_SHARE,
        refusedBy,
        { ...partition, maxQueuedCalls, limit: Math.floor(maxQueuedCalls * ratio) },
        facts,
      );
    }
  }
}

function refusal<Said extends { readonly limit: number }>(
  wording: Wording<Said>,
  refusedBy: QueueRefusal | 'queue-time',
  said: Said,
  { waitedMs, inFlightCalls, queuedCalls }: QueueFacts,
): StatusObject {
  const queueWaitMs = Math.round(waitedMs);
  const explanation: CallExplanation = { refusedBy, limit: said.limit, queueWaitMs, inFlightCalls, queuedCalls };
  return wordedStatus(status.RESOURCE_EXHAUSTED, wording, said, explanation);
}

/** What a call is counted under where nobody tells partitions apart; then none is refused for its share. */
const WHOLE: PartitionFacts = { key: '', ratio: 1, queuedCalls: 0, inFlightCalls: 0 };
