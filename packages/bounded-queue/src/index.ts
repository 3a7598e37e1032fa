/// <reference lib="esnext.disposable" preserve="true" />
export type { QueueOptions, QueueOrder } from './queue/index.js';
export {
  boundedQueue,
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
