import { Metadata, type Interceptor, type InterceptorOptions } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { boundedQueue, type BoundedQueueInterceptor } from 'grpc-manifold';
import type { Behaviour } from '../ways-in/behaviour.js';
import { placedWays, type Placed } from '../ways-in/placed-ways.js';

const { service } = loadEchoPackage();

/** Takes a slot for good. */
function takeSlot(queue: BoundedQueueInterceptor): void {
  const options = { method_definition: service.Unary } as unknown as InterceptorOptions;
  const silent = { start: () => undefined } as unknown as ReturnType<Interceptor>;
  queue(options, () => silent).start(new Metadata());
}

/** A queue that lets each call wait for two turns of the event loop. */
class HoldingQueue {
  readonly #limit = { current: 1, onSample: () => undefined };
  readonly queue = boundedQueue({ limit: this.#limit });

  constructor() {
    takeSlot(this.queue);
  }

  readonly interceptor: Interceptor = (options, nextCall) => {
    setImmediate(() => setImmediate(() => this.#letIn()));
    return this.queue(options, nextCall);
  };

  #letIn(): void {
    this.#limit.current = Infinity;
    this.queue.update({});
    this.#limit.current = 1;
  }
}

const placed = (queue: BoundedQueueInterceptor, interceptor: Interceptor): Placed => ({
  interceptor,
  close: () => queue[Symbol.dispose](),
});

/** Plain clients with a bounded queue that has room. */
export const admittingWays = placedWays(() => {
  const queue = boundedQueue();
  return placed(queue, queue);
});

/** Plain clients with a bounded queue in which each call waits. */
export const holdingWays = placedWays(() => {
  const { queue, interceptor } = new HoldingQueue();
  return placed(queue, interceptor);
});

/** A call that waits has no peer yet, and knows no target. */
export const showsThePeerAtOnce = ({ name }: Behaviour): boolean => name === 'the peer of a call, before and after';
