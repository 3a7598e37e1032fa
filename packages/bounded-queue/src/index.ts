export {
  AdmissionQueue,
  notQueued,
  QueueBudget,
  type PartitionFacts,
  type Queued,
  type QueueLinks,
  type QueueRefusal,
} from './queue/index.js';
export {
  QUEUE_OPTION_NAMES,
  QUEUE_ORDERS,
  resolveQueueOptions,
  type QueueOptions,
  type QueueOrder,
  type ResolvedQueueOptions,
} from './queue/index.js';
export { queueRefusal, type QueueFacts } from './queue/index.js';
export { WaitEstimate } from './wait-estimate.js';
