export type { ConcurrencyLimit, LimitSample } from './limit.js';
export type { LimitBounds, RoundOptions } from './limit-bounds.js';
export { fixedLimit, type FixedLimit } from './fixed-limit.js';
export { aimdLimit, type AimdLimit, type AimdLimitOptions, type AimdLimitState } from './aimd-limit.js';
export {
  gradientLimit,
  type GradientLimit,
  type GradientLimitOptions,
  type GradientLimitState,
} from './gradient-limit.js';
export { vegasLimit, type VegasLimit, type VegasLimitOptions, type VegasLimitState } from './vegas-limit.js';
