import { InterceptingCall, InterceptorConfigurationError, type Interceptor } from '@grpc/grpc-js';
import type { Event, ShedReport } from '@grpc-manifold/core';
import { systemClock, type Clock } from '@grpc-manifold/core/internal';
import { Admission } from './admission.js';
import { HeldCall } from './held-call.js';
import type { BoundedQueueOptions } from './options.js';
import type { QueueStats } from './stats.js';

/** What a bounded queue tells the time by; for tests. */
export interface BoundedQueueEnvironment {
  readonly clock?: Clock;
}

/** An interceptor that lets calls in as its limit allows, and what is to be known and changed of it. */
export interface BoundedQueueInterceptor extends Interceptor, Disposable {
  /** Tells what it holds now: a frozen snapshot, cheap enough to ask each second. */
  stats(): QueueStats;
  /**
   * Changes what is given and keeps the rest; drops no call. What waits beyond a smaller bound stays, what is in flight
   * beyond a smaller limit goes on.
   *
   * @throws TypeError, RangeError naming the option, its range and the value; then nothing is changed.
   */
  update(options: BoundedQueueOptions): void;
  /** Tells of each call that was refused before a byte of it was sent. */
  readonly onShed: Event<ShedReport>;
  /** Refuses the calls that wait, and all that come, with UNAVAILABLE; those in flight go on. */
  [Symbol.dispose](): void;
}

/**
 * Makes an interceptor for any grpc-js client that lets only so many calls be in flight: as many as `limit` says, a
 * number or what finds it out. The others wait, bounded by calls, bytes and time, and beyond that are refused at once
 * by a status, never by throwing: `explain(error)` tells by which bound. One interceptor may serve several clients of
 * one server.
 *
 * A call that waits makes no call below it. Its messages are held as they are, unserialized: they must not be changed
 * until the call has its slot.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function boundedQueue(
  options?: BoundedQueueOptions,
  environment: BoundedQueueEnvironment = {},
): BoundedQueueInterceptor {
  const admission = new Admission(options, environment.clock ?? systemClock);
  const interceptor: Interceptor = (callOptions, nextCall) => {
    if ((callOptions.method_definition as object | undefined) === undefined) {
      throw new InterceptorConfigurationError(
        'boundedQueue: an interceptor before it has dropped method_definition from the options of the call; ' +
          'hand on { ...options } with what is to be changed',
      );
    }
    return new InterceptingCall(new HeldCall(admission, callOptions, nextCall));
  };
  return Object.assign(interceptor, {
    stats: () => admission.stats(),
    update: (changed: BoundedQueueOptions) => admission.update(changed),
    onShed: admission.onShed.event,
    [Symbol.dispose]: () => admission[Symbol.dispose](),
  });
}
