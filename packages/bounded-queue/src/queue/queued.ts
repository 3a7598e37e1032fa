import type { CallInfo } from '@grpc-manifold/core';
import { ListNode } from '@grpc-manifold/core/internal';
import type { Partition } from './partition.js';
import type { Level } from './priority-levels.js';

/**
 * What waits in an {@link AdmissionQueue}. The thing itself carries its links, so that leaving and being taken out of
 * the middle cost a few writes. Start with undefined and leave it to the queue, which makes them when the thing first
 * waits.
 */
export interface Queued {
  queueLinks: QueueLinks | undefined;
  /** What `priority` and `partition` are asked with; needed where the options have one of them. */
  readonly info?: CallInfo;
}

/**
 * Where one thing stands in a queue, and what it is counted under. It is itself the node in the list of all, oldest
 * first.
 */
export class QueueLinks extends ListNode<Queued> {
  /** In its partition; made when there are partitions. */
  arrival: ListNode<Queued> | undefined;
  /** Among those of its priority; made when there are priorities. */
  levelPlace: ListNode<Queued> | undefined;
  level: Level<Queued> | undefined;
  partition: Partition<Queued> | undefined;
  priority = 0;
  /** Which queue and which functions gave `partition` and `priority`; 0 for none. */
  classifiedBy = 0;
  bytes = 0;
  /** The clock's `elapsed()` when it entered; -1 while it is in no queue. */
  sinceMs = -1;
  /** Grows with each that enters, also within one millisecond. */
  serial = 0;
  wasPutBack = false;
  /** Counted as in flight. */
  isTaken = false;
}

/** The links of a thing, made when they are first needed. */
export function linksOf(item: Queued): QueueLinks {
  return (item.queueLinks ??= new QueueLinks());
}

export function priorityOf(item: Queued): number {
  return item.queueLinks?.priority ?? 0;
}

/** When the thing at a node entered; Infinity for none. */
export function sinceMs(node: ListNode<Queued> | undefined): number {
  return node?.item?.queueLinks?.sinceMs ?? Infinity;
}
