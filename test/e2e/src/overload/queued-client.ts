import { credentials } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import {
  boundedQueue,
  createPooledClient,
  type BoundedQueueInterceptor,
  type BoundedQueueOptions,
} from 'grpc-manifold';
import type { Kind } from '../endings/call-kind.js';
import { RecordedCall, type CallStart } from '../endings/recorded-call.js';

const { EchoClient: Echo } = loadEchoPackage();

/** The clients that a bounded queue is shown with. */
export const CLIENTS = ['plain', 'pooled'] as const;

/** A client with a bounded queue. */
export class QueuedClient implements AsyncDisposable {
  readonly queue: BoundedQueueInterceptor;
  readonly client: EchoClient;
  readonly #blockers: RecordedCall[] = [];
  readonly #close: () => Promise<unknown>;

  constructor(target: string, which: (typeof CLIENTS)[number], options?: BoundedQueueOptions) {
    const queue = (this.queue = boundedQueue(options));
    const insecure = credentials.createInsecure();
    if (which === 'plain') {
      const client = (this.client = new Echo(target, insecure, { interceptors: [queue] }));
      this.#close = async () => client.close();
    } else {
      const client = createPooledClient(Echo, target, insecure, {
        interceptors: [queue],
        minChannels: 1,
        maxChannels: 1,
      });
      this.client = client;
      this.#close = () => client.pool.destroy();
    }
  }

  begin(kind: Kind, start: CallStart = {}): RecordedCall {
    return new RecordedCall(this.client, kind, { ...start, below: [this.queue] });
  }

  /** Takes slots until they are given back by {@link release}. */
  fill(slots = 1, kind: Kind = 'unary'): void {
    for (let taken = 0; taken < slots; taken += 1) {
      this.#blockers.push(this.begin(kind, { request: { hang: true } }));
    }
  }

  async release(): Promise<void> {
    const blockers = this.#blockers.splice(0);
    for (const blocker of blockers) blocker.cancel();
    await Promise.all(blockers.map((blocker) => blocker.outcome));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.queue[Symbol.dispose]();
    await this.release();
    await this.#close();
  }
}
