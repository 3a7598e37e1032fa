export { AdmissionQueue, notQueued, type Queued, type QueueLinks, type QueueRefusal } from './admission-queue.js';
export { resolveQueueOptions, type QueueOptions, type ResolvedQueueOptions } from './options.js';
export { queueRefusal, type QueueFacts } from './refusal.js';
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
