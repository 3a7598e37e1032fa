import { LinkedList } from '@grpc-manifold/core/internal';
import { PriorityLevels } from './priority-levels.js';

/** What a refusal tells of the partition of its call. */
export interface PartitionFacts {
  readonly key: string;
  /** Its part of the whole, 0 to 1, among those that wait. */
  readonly ratio: number;
  readonly queuedCalls: number;
  readonly inFlightCalls: number;
}

/** Everything that is counted under one key: the lines in which it waits, and how much of it is in flight. */
export class Partition<T> {
  /** The same by priority, where there are priorities. */
  readonly levels = new PriorityLevels<T>();
  inFlight = 0;
  /** Admissions since it is known. */
  turns = 0;
  /** Things that wait, were put back, or are in flight: it is known while there are any. */
  held = 0;
  /** Place among the partitions that wait, -1 for none. */
  waitingIndex = -1;
  hasShare = false;

  constructor(
    readonly key: string,
    public weight: number,
    /** Those that wait, in the order in which they came. */
    readonly arrivals = new LinkedList<T>(),
  ) {}

  /** How much of what it is due is in flight. */
  get load(): number {
    return this.inFlight / this.weight;
  }

  /** How much of what it is due waits. */
  get fill(): number {
    return this.arrivals.size / this.weight;
  }
}
