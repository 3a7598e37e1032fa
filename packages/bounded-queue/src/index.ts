/// <reference lib="esnext.disposable" preserve="true" />
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
  type QueueOptions,
  type QueueOrder,
  type QueueRefusal,
  type ResolvedQueueOptions,
} from './queue/index.js';
export { WaitEstimate } from './wait-estimate.js';
export { earlyDropRefusal, type EarlyDropFacts } from './early-drop.js';
export {
  boundedQueue,
  type BoundedQueueEnvironment,
  type BoundedQueueInterceptor,
  type BoundedQueueOptions,
  type QueueStats,
} from './interceptor/index.js';
export {
  aimdLimit,
  fixedLimit,
  gradientLimit,
  vegasLimit,
  type AimdLimit,
  type AimdLimitOptions,
  type AimdLimitState,
  type ConcurrencyLimit,
  type FixedLimit,
  type GradientLimit,
  type GradientLimitOptions,
  type GradientLimitState,
  type LimitBounds,
  type LimitSample,
  type RoundOptions,
  type VegasLimit,
  type VegasLimitOptions,
  type VegasLimitState,
} from './limits/index.js';
