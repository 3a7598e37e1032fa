import { status, type Interceptor, type StatusObject } from '@grpc/grpc-js';
import {
  circuitBreaker,
  type BreakerExplanation,
  type BreakerState,
  type BreakerStateChange,
  type BreakerStates,
  type CallExplanation,
  type CallInfo,
  type CircuitBreakerInterceptor,
  type CircuitBreakerOptions,
  type CircuitState,
  type Event,
} from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

const breaker = circuitBreaker({ key: ({ method, metadata }) => `${method} ${metadata.get('tenant').join()}` });
breaker satisfies Interceptor;
circuitBreaker({
  isFailure: ({ code }) => code === status.RESOURCE_EXHAUSTED,
  slowCallMs: Infinity,
  restore: breaker.states(),
});

// @ts-expect-error a key is a string
circuitBreaker({ key: () => 5 });
// @ts-expect-error a failure is one or not
circuitBreaker({ isFailure: ({ code }) => code });
// @ts-expect-error there is no such option: the deadline is the call's own
circuitBreaker({ timeout: 5 });
// @ts-expect-error options are read once
const _frozen = ((options: CircuitBreakerOptions) => (options.windowMs = 3))({});
// @ts-expect-error a snapshot
breaker.states()['a'] = undefined;
// @ts-expect-error what is not there is undefined
breaker.states()['a'].state satisfies CircuitState;

function scope(): void {
  using own = circuitBreaker();
  own.states();
}
void scope;

export type Checks = [
  Expect<Equal<typeof breaker, CircuitBreakerInterceptor>>,
  Expect<Equal<ReturnType<typeof breaker.states>, BreakerStates>>,
  Expect<Equal<BreakerStates, Readonly<Record<string, BreakerState>>>>,
  Expect<Equal<BreakerState['state'], CircuitState>>,
  Expect<Equal<CircuitState, 'closed' | 'open' | 'half-open'>>,
  Expect<Equal<typeof breaker.onStateChange, Event<BreakerStateChange>>>,
  Expect<Equal<CircuitBreakerOptions['key'], ((call: CallInfo) => string) | undefined>>,
  Expect<Equal<CircuitBreakerOptions['isFailure'], ((status: StatusObject) => boolean) | undefined>>,
  Expect<Equal<CallExplanation['breaker'], BreakerExplanation | undefined>>,
];
