import { InterceptingCall, InterceptorConfigurationError, type Interceptor } from '@grpc/grpc-js';
import type { Event } from '@grpc-manifold/core';
import { systemClock, type Clock } from '@grpc-manifold/core/internal';
import { BreakerCall } from './breaker-call.js';
import type { BreakerStateChange } from './breaker.js';
import { Breakers } from './breakers.js';
import type { CircuitBreakerOptions } from './options.js';
import type { BreakerStates } from './states.js';

/** What a circuit breaker tells the time by; for tests. */
export interface CircuitBreakerEnvironment {
  readonly clock?: Clock;
}

/** An interceptor that lets calls through as long as they are answered, and what is to be known of it. */
export interface CircuitBreakerInterceptor extends Interceptor, Disposable {
  /** Tells of each circuit where it is and why: a frozen snapshot, plain data, to be given back as `restore`. */
  states(): BreakerStates;
  /** Tells when a circuit opens, lets a probe through, and closes. */
  readonly onStateChange: Event<BreakerStateChange>;
  /** Leaves no timer; from then on every call is let through, and none is judged. */
  [Symbol.dispose](): void;
}

/**
 * Makes an interceptor for any grpc-js client that stops asking what cannot answer. The calls of a key, by default of a
 * method, have a circuit: too many failures, or slow calls, among the last ones open it, and calls are refused at once
 * with UNAVAILABLE, not a byte of them sent. After `resetTimeoutMs` one call at a time is let through; the first that
 * is answered closes the circuit. One interceptor may serve several clients of one server.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function circuitBreaker(
  options?: CircuitBreakerOptions,
  environment: CircuitBreakerEnvironment = {},
): CircuitBreakerInterceptor {
  const breakers = new Breakers(options, environment.clock ?? systemClock);
  const interceptor: Interceptor = (callOptions, nextCall) => {
    if ((callOptions.method_definition as object | undefined) === undefined) {
      throw new InterceptorConfigurationError(
        'circuitBreaker: an interceptor before it has dropped method_definition from the options of the call; ' +
          'hand on { ...options } with what is to be changed',
      );
    }
    return new InterceptingCall(new BreakerCall(breakers, callOptions, nextCall));
  };
  return Object.assign(interceptor, {
    states: () => breakers.states(),
    onStateChange: breakers.onStateChange.event,
    [Symbol.dispose]: () => breakers[Symbol.dispose](),
  });
}
