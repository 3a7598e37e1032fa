export { AdmissionQueue } from './admission-queue.js';
export type { Queued, QueueLinks } from './queued.js';
export {
  QUEUE_OPTION_NAMES,
  QUEUE_ORDERS,
  resolveQueueOptions,
  type QueueOptions,
  type QueueOrder,
  type ResolvedQueueOptions,
} from './options.js';
export type { PartitionFacts } from './partition.js';
export { QueueBudget } from './queue-budget.js';
export { queueRefusal, type QueueFacts, type QueueRefusal } from './refusal.js';
