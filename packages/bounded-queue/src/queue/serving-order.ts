import type { QueueOrder } from './options.js';
import type { Partition } from './partition.js';

/** One admission out of so many goes to the one that has waited longest, whatever the order. */
export const TURNS_PER_OLDEST = 16;

/** Who of a partition is served next. */
export function nextOf<T>(partition: Partition<T>, order: QueueOrder): T | undefined {
  const { arrivals } = partition;
  if (order === 'fifo' || partition.turns % TURNS_PER_OLDEST === TURNS_PER_OLDEST - 1) return arrivals.first?.item;
  return order === 'lifo' ? arrivals.last?.item : partition.levels.highest;
}

/** Who of a partition is given up first when another needs the room. */
export function lastOf<T>(partition: Partition<T>, order: QueueOrder): T | undefined {
  if (order === 'lifo') return partition.arrivals.first?.item;
  return order === 'fifo' ? partition.arrivals.last?.item : partition.levels.lowest;
}

/** How many of a partition are served before one who would come with that priority, as long as nobody else comes. */
export function aheadIn<T>(partition: Partition<T>, order: QueueOrder, priority: number): number {
  if (order === 'lifo') return 0;
  return order === 'fifo' ? partition.arrivals.size : partition.levels.ahead(priority);
}
