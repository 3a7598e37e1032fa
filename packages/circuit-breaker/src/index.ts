/// <reference lib="esnext.disposable" preserve="true" />
export { circuitBreaker, type CircuitBreakerInterceptor } from './circuit-breaker.js';
export type { BreakerStateChange, StateChangeReason } from './breaker.js';
export type { CircuitBreakerOptions } from './options.js';
export type { BreakerState, BreakerStates, CircuitState } from './states.js';
