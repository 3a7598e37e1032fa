import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { ORDERS, type WorkerOrder, type WorkerTold } from './children/told-worker-contract.js';

/** The threads of a test, which come to their end when it says so. */
export class ToldWorkers implements Disposable {
  /** For `threadChannelFactory`. */
  static readonly workerUrl = new URL(
    `file://${fileURLToPath(new URL('../../dist/threads/children/told-worker.js', import.meta.url))}`,
  );
  readonly #channel = new BroadcastChannel(ORDERS);
  readonly #threads: number[] = [];
  readonly #waiting = new Set<() => void>();
  #heap: ((bytes: number) => void) | undefined;

  constructor() {
    this.#channel.onmessage = (event: unknown) => {
      const told = (event as { data: WorkerTold }).data;
      if (told.kind === 'here') this.#threads.push(told.thread);
      else this.#heap?.(told.bytes);
      for (const look of this.#waiting) look();
    };
  }

  /** Ids of those that have started, in this order. */
  get threads(): readonly number[] {
    return this.#threads;
  }

  /** Resolves when as many have started. */
  async started(count: number): Promise<void> {
    while (this.#threads.length < count) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  tell(order: WorkerOrder): void {
    this.#channel.postMessage(order);
  }

  /** Bytes of the heap of a thread that are left after its garbage was collected. */
  heapOf(thread: number): Promise<number> {
    return new Promise((resolve) => {
      this.#heap = resolve;
      this.tell({ thread, how: 'tells its heap' });
    });
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
