import { credentials, type Interceptor } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import {
  circuitBreaker,
  createPooledClient,
  type BreakerStateChange,
  type ChannelPool,
  type CircuitBreakerInterceptor,
  type CircuitBreakerOptions,
  type CircuitState,
} from 'grpc-manifold';
import { methodOf, type Kind } from '../endings/call-kind.js';
import { RecordedCall, type CallStart } from '../endings/recorded-call.js';

const { EchoClient: Echo } = loadEchoPackage();

/** The clients that a circuit breaker is shown with. */
export const CLIENTS = ['plain', 'pooled'] as const;

/** A client with a circuit breaker. */
export class GuardedClient implements AsyncDisposable {
  readonly breaker: CircuitBreakerInterceptor;
  readonly changes: BreakerStateChange[] = [];
  readonly client: EchoClient;
  /** Undefined for a plain client. */
  readonly pool: ChannelPool | undefined;
  readonly #close: () => Promise<unknown>;

  constructor(
    target: string,
    which: (typeof CLIENTS)[number],
    options?: CircuitBreakerOptions,
    private readonly below: readonly Interceptor[] = [],
  ) {
    const breaker = (this.breaker = circuitBreaker(options));
    breaker.onStateChange((change) => this.changes.push(change));
    const insecure = credentials.createInsecure();
    if (which === 'plain') {
      const client = (this.client = new Echo(target, insecure));
      this.#close = async () => client.close();
    } else {
      const client = createPooledClient(Echo, target, insecure, { minChannels: 2, maxChannels: 2 });
      this.client = client;
      this.pool = client.pool;
      this.#close = () => client.pool.destroy();
    }
  }

  begin(kind: Kind, start: CallStart = {}): RecordedCall {
    return new RecordedCall(this.client, kind, { ...start, below: [this.breaker, ...this.below] });
  }

  state(kind: Kind): CircuitState | undefined {
    return this.breaker.states()[methodOf(kind)]?.state;
  }

  /** Waits until a circuit has become so; does not return for one that has been so before. */
  becomes(state: CircuitState): Promise<BreakerStateChange> {
    return new Promise((resolve) => {
      const subscription = this.breaker.onStateChange((change) => {
        if (change.to !== state) return;
        subscription[Symbol.dispose]();
        resolve(change);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.breaker[Symbol.dispose]();
    await this.#close();
  }
}
