/// <reference lib="esnext.disposable" preserve="true" />
/** What the packages of grpc-manifold share with each other. It may change in any release. */
export {
  AdmissionQueue,
  QUEUE_OPTION_NAMES,
  QUEUE_ORDERS,
  QueueBudget,
  queueRefusal,
  resolveQueueOptions,
  type PartitionFacts,
  type Queued,
  type QueueFacts,
  type QueueLinks,
  type QueueRefusal,
  type ResolvedQueueOptions,
} from './queue/index.js';
export { WaitEstimate } from './wait-estimate.js';
export { earlyDropRefusal, type EarlyDropFacts } from './early-drop.js';
export type { BoundedQueueEnvironment } from './interceptor/index.js';
