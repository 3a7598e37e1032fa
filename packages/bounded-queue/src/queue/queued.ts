import type { CallInfo } from '@grpc-manifold/core';
import { Place } from './line.js';
import type { Partition } from './partition.js';
import type { Level } from './priority-levels.js';

/**
 * What waits in an {@link AdmissionQueue}. The thing itself carries its links, so that entering, leaving and
 * being taken out of the middle cost a few writes. Start with {@link notQueued} and leave it to the
 * queue.
 */
export interface Queued {
  queueLinks: QueueLinks;
  /** What `priority` and `partition` are asked with; needed where the options have one of them. */
  readonly info?: CallInfo;
}

/** The places of one thing in a queue, and what it is counted under. */
export interface QueueLinks {
  /** Among all who came, or all who were put back, oldest first. */
  readonly age: Place<Queued>;
  /** In its partition; made when there are partitions. */
  arrival: Place<Queued> | undefined;
  /** Among those of its priority; made when there are priorities. */
  levelPlace: Place<Queued> | undefined;
  level: Level<Queued> | undefined;
  partition: Partition<Queued> | undefined;
  priority: number;
  /** Which queue and which functions gave `partition` and `priority`; 0 for none. */
  classifiedBy: number;
  bytes: number;
  /** The clock's `elapsed()` when it entered; -1 while it is in no queue. */
  sinceMs: number;
  /** Grows with each that enters, also within one millisecond. */
  serial: number;
  wasPutBack: boolean;
  /** Counted as in flight. */
  isTaken: boolean;
}

/** The links of a thing that is in no queue. */
export function notQueued(): QueueLinks {
  return {
    age: new Place(),
    arrival: undefined,
    levelPlace: undefined,
    level: undefined,
    partition: undefined,
    priority: 0,
    classifiedBy: 0,
    bytes: 0,
    sinceMs: -1,
    serial: 0,
    wasPutBack: false,
    isTaken: false,
  };
}
