import { Metadata, type Interceptor, type InterceptorOptions, type InterceptorProvider } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { boundedQueue, type BoundedQueueInterceptor } from 'grpc-manifold';
import type { Behaviour } from '../ways-in/behaviour.js';
import type { Way } from '../ways-in/way.js';

const { EchoClient: Echo, service } = loadEchoPackage();

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

/** Where the queue stands among the other interceptors. */
type Place = 'before' | 'after';

function placed<T>(place: Place, queue: T, others: readonly T[]): T[] {
  return place === 'before' ? [queue, ...others] : [...others, queue];
}

function queuedWay(
  name: string,
  place: Place,
  make: () => { queue: BoundedQueueInterceptor; interceptor: Interceptor },
): Way {
  return {
    name,
    open: ({ target, credentials, channelOptions, clientOptions }) => {
      const { queue, interceptor } = make();
      const { interceptors = [], interceptor_providers: providers, ...others } = clientOptions;
      const provider: InterceptorProvider = () => interceptor;
      const client = new Echo(target, credentials, {
        ...channelOptions,
        ...others,
        ...(providers === undefined
          ? { interceptors: placed(place, interceptor, interceptors) }
          : { interceptor_providers: placed(place, provider, providers) }),
      });
      return {
        client,
        perCall: (given) => placed(place, interceptor, given),
        close: async () => {
          client.close();
          queue[Symbol.dispose]();
        },
      };
    },
  };
}

const open = (): { queue: BoundedQueueInterceptor; interceptor: Interceptor } => {
  const queue = boundedQueue();
  return { queue, interceptor: queue };
};

/** Plain clients with a bounded queue that has room. */
export const admittingWays: readonly Way[] = [
  queuedWay('before the other interceptors', 'before', open),
  queuedWay('after the other interceptors', 'after', open),
];

/** Plain clients with a bounded queue in which each call waits. */
export const holdingWays: readonly Way[] = [
  queuedWay('before the other interceptors', 'before', () => new HoldingQueue()),
  queuedWay('after the other interceptors', 'after', () => new HoldingQueue()),
];

/** A call that waits has no peer yet, and knows no target. */
export const showsThePeerAtOnce = ({ name }: Behaviour): boolean => name === 'the peer of a call, before and after';
