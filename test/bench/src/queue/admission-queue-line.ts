import type { QueueOrder } from '@grpc-manifold/bounded-queue';
import { AdmissionQueue, resolveQueueOptions, type Queued } from '@grpc-manifold/bounded-queue/internal';
import { systemClock } from '@grpc-manifold/core/internal';
import { Tickets, type WaitingLine } from './waiting-line.js';

class Waiter implements Queued {
  queueLinks: Queued['queueLinks'];
}

/** A line on our own queue, bounded by calls, bytes and time as it is in a pool. */
export class AdmissionQueueLine implements WaitingLine {
  readonly #tickets = new Tickets<Waiter>();
  readonly #queue: AdmissionQueue<Waiter>;

  constructor(waiting: number, order: QueueOrder = 'fifo') {
    const options = resolveQueueOptions({ maxQueuedCalls: waiting + 1, order });
    this.#queue = new AdmissionQueue(options, systemClock, () => undefined);
    for (let i = 0; i < waiting; i++) this.#tickets.push(this.#join());
  }

  get size(): number {
    return this.#queue.size;
  }

  admit(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.#join();
      if (this.#queue.shift() === undefined) throw new Error('Nobody was admitted');
    }
    return Promise.resolve();
  }

  cancel(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      if (!this.#queue.remove(this.#tickets.replace(this.#join()))) throw new Error('Nobody was cancelled');
    }
    return Promise.resolve();
  }

  #join(): Waiter {
    const waiter = new Waiter();
    if (this.#queue.add(waiter, 100) !== undefined) throw new Error('The queue is full');
    return waiter;
  }

  close(): void {
    while (this.#queue.shift() !== undefined);
    this.#queue.close();
  }
}
