import type { Partition } from './partition.js';
import type { Queued } from './queued.js';

/**
 * The partitions of which anybody waits, in no order, with the numbers that they are chosen by side by side: a look at
 * a thousand costs a microsecond.
 */
export class WaitingPartitions {
  readonly #partitions: Partition<Queued>[] = [];
  readonly #loads: number[] = [];
  readonly #fills: number[] = [];
  readonly #oldest: number[] = [];

  /** How many there are. */
  get size(): number {
    return this.#partitions.length;
  }

  /** All of them. Not to be changed. */
  get all(): readonly Partition<Queued>[] {
    return this.#partitions;
  }

  /** The one that has least in flight for its weight; of equals the one whose oldest has waited longest. */
  get leastLoaded(): Partition<Queued> | undefined {
    let best = 0;
    let bestLoad = this.#loads[0] as number;
    for (let index = 1; index < this.#loads.length; index += 1) {
      const load = this.#loads[index] as number;
      if (load > bestLoad) continue;
      if (load === bestLoad && (this.#oldest[index] as number) > (this.#oldest[best] as number)) continue;
      best = index;
      bestLoad = load;
    }
    return this.#partitions[best];
  }

  /**
   * The one that has most waiting for its weight; of equals the one whose oldest came last. Undefined unless that is
   * more than `fill`.
   */
  fullerThan(fill: number): Partition<Queued> | undefined {
    let best = -1;
    let bestFill = fill;
    for (let index = 0; index < this.#fills.length; index += 1) {
      const each = this.#fills[index] as number;
      if (each < bestFill || (each === bestFill && best < 0)) continue;
      if (each === bestFill && (this.#oldest[index] as number) < (this.#oldest[best] as number)) continue;
      best = index;
      bestFill = each;
    }
    return this.#partitions[best];
  }

  /** Notes what has changed of a partition: who waits in it, what is in flight, what it weighs. */
  note(partition: Partition<Queued>): void {
    const oldest = partition.arrivals.first?.item;
    if (oldest === undefined) {
      if (partition.waitingIndex >= 0) this.#remove(partition);
      return;
    }
    if (partition.waitingIndex < 0) partition.waitingIndex = this.#partitions.push(partition) - 1;
    const index = partition.waitingIndex;
    this.#loads[index] = partition.load;
    this.#fills[index] = partition.fill;
    this.#oldest[index] = oldest.queueLinks?.serial ?? 0;
  }

  #remove(partition: Partition<Queued>): void {
    const index = partition.waitingIndex;
    partition.waitingIndex = -1;
    const last = this.#partitions.pop() as Partition<Queued>;
    this.#loads.pop();
    this.#fills.pop();
    this.#oldest.pop();
    if (last === partition) return;
    this.#partitions[index] = last;
    last.waitingIndex = index;
    this.note(last);
  }
}
