import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { explain, type CallExplanation } from 'grpc-manifold';
import type { EchoClient, EchoRequest } from '@grpc-manifold/testing';

/** How a call ended, where, and when it did. */
export interface Ending {
  readonly code: status;
  readonly explanation: CallExplanation | undefined;
  readonly channelId: number | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** One unary call, to its ending; never rejects. */
export function call(client: EchoClient, request: EchoRequest = {}, timeoutMs?: number): Promise<Ending> {
  const startedMs = performance.now();
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  return new Promise((resolve) => {
    client.unary(request, options, (error) => {
      const code = error?.code ?? status.OK;
      const explanation = explain(error);
      resolve({ code, explanation, channelId: explanation?.channelId, startedMs, endedMs: performance.now() });
    });
  });
}

/** Goes on starting calls, as many at a time and one after another, until it is stopped. */
export class CallLoop implements Disposable {
  readonly endings: Ending[] = [];
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(atOnce: number, next: () => Promise<Ending>) {
    this.#loops = Array.from({ length: atOnce }, async () => {
      while (!this.#stopped) {
        this.endings.push(await next());
        // A call that ends at once must not keep everything else from its turn.
        await nextTurn();
      }
    });
  }

  /** The calls that were started at that time or later, and did not succeed. */
  failed(sinceMs = -Infinity): Ending[] {
    return this.endings.filter(({ code, startedMs }) => code !== status.OK && startedMs >= sinceMs);
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
  }

  /** Resolves when the last call has ended. */
  async stop(): Promise<readonly Ending[]> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    return this.endings;
  }
}
