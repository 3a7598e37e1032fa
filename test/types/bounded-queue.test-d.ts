import type { Interceptor } from '@grpc/grpc-js';
import {
  aimdLimit,
  boundedQueue,
  fixedLimit,
  gradientLimit,
  vegasLimit,
  type BoundedQueueInterceptor,
  type BoundedQueueOptions,
  type ChannelPoolOptions,
  type ConcurrencyLimit,
  type Event,
  type QueueOptions,
  type QueueStats,
  type ShedReport,
} from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

const queue = boundedQueue({ limit: gradientLimit(), streamLimit: 10, order: 'lifo', maxQueuedCalls: 5 });
queue satisfies Interceptor;
queue.update({ limit: 5 });
queue.update({ limit: fixedLimit(5), partition: ({ method }) => method, shares: { '/a/b': 0.5 } });
for (const limit of [aimdLimit(), vegasLimit()]) boundedQueue({ limit });

// A limit of one's own.
boundedQueue({ limit: { current: 5, onSample: ({ rttMs, inFlight, dropped }) => void [rttMs, inFlight, dropped] } });
// @ts-expect-error a limit has to be told of calls
boundedQueue({ limit: { current: 5 } });
// @ts-expect-error an order that there is not
boundedQueue({ order: 'random' });
// @ts-expect-error a priority is a number
boundedQueue({ priority: ({ method }) => method });
// @ts-expect-error there is no such option
boundedQueue({ maxCalls: 5 });
// @ts-expect-error options are read once
const _frozen = ((options: BoundedQueueOptions) => (options.limit = 3))({});
// @ts-expect-error a snapshot
queue.stats().limit = 3;

// The waiting room of a pool takes the same, but no limit.
({ queue: { order: 'priority', priority: () => 1 } }) satisfies ChannelPoolOptions;
// @ts-expect-error its limit is the number of its streams
({ queue: { limit: 5 } }) satisfies ChannelPoolOptions;

function scope(): void {
  using own = boundedQueue();
  own.stats();
}
void scope;

export type Checks = [
  Expect<Equal<typeof queue, BoundedQueueInterceptor>>,
  Expect<Equal<ReturnType<typeof queue.stats>, QueueStats>>,
  Expect<Equal<typeof queue.onShed, Event<ShedReport>>>,
  Expect<Equal<BoundedQueueOptions['limit'], number | ConcurrencyLimit | undefined>>,
  Expect<Equal<BoundedQueueOptions extends QueueOptions ? true : false, true>>,
];
