import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest } from '@grpc-manifold/testing';

/** Callers that each make one call after the other. They wait for a connection when there is none. */
export class SteadyLoad {
  /** Calls that ended with OK. */
  finishedCalls = 0;
  readonly failures: ServiceError[] = [];
  readonly #client: EchoClient;
  readonly #request: EchoRequest;
  readonly #callers: Promise<void>[];
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(client: EchoClient, callers: number, request: EchoRequest = { delayMs: 5 }) {
    this.#client = client;
    this.#request = request;
    this.#callers = Array.from({ length: callers }, () => this.#callOnAndOn());
  }

  /** Resolves when so many more calls have ended with OK. */
  async more(count: number): Promise<void> {
    const goal = this.finishedCalls + count;
    while (this.finishedCalls < goal) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Makes no more calls; resolves when the last have ended. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #callOnAndOn(): Promise<void> {
    while (!this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#client.unary(this.#request, new Metadata({ waitForReady: true }), (error) => {
          if (error === null) this.finishedCalls += 1;
          else this.failures.push(error);
          resolve();
        });
      });
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}
