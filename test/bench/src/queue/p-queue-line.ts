import PQueue from 'p-queue';
import { LinkedRunQueue, type LinkedOptions, type LinkedTicket } from './linked-run-queue.js';
import { Tickets, type WaitingLine } from './waiting-line.js';

const ignore = (): void => undefined;

/**
 * So many of those who wait at first, evenly spread, can be cancelled: signals take longer to set up than all the rest.
 */
const CANCELLABLE = 2_000;

/** A line on p-queue as it comes: cancelled by AbortSignal. */
export function stockLine(waiting: number): WaitingLine {
  return new SignalLine(new PQueue({ concurrency: 1 }), waiting);
}

/** A line on p-queue with a `queueClass` that removes in O(1): cancelled by AbortSignal. */
export function linkedLine(waiting: number): WaitingLine {
  return new SignalLine(new PQueue({ concurrency: 1, queueClass: LinkedRunQueue }), waiting);
}

/**
 * A task holds its slot until somebody frees it, so each is a promise of its own. Freeing one admits the next some
 * microtasks later: the chain goes on in the callback of the one admitted.
 */
abstract class PQueueLine<Ticket> implements WaitingLine {
  protected readonly tickets = new Tickets<Ticket>();
  #free: () => void = ignore;
  #admitted: () => void = ignore;

  protected readonly task = (): Promise<void> =>
    new Promise((resolve) => {
      this.#free = resolve;
      this.#admitted();
    });

  readonly close = ignore;
  abstract readonly size: number;
  /** One more waits, and can be cancelled. */
  protected abstract join(): Ticket;
  /** One more waits, for good. */
  protected abstract stay(): void;
  protected abstract leave(ticket: Ticket): void;

  protected fill(waiting: number): void {
    const every = Math.ceil(waiting / CANCELLABLE);
    this.stay();
    for (let i = 0; i < waiting; i++) {
      if (i % every === 0) this.tickets.push(this.join());
      else this.stay();
    }
  }

  admit(times: number): Promise<void> {
    return new Promise((resolve) => {
      let left = times;
      this.#admitted = () => {
        if (left-- > 0) {
          this.join();
          this.#free();
        } else {
          this.#admitted = ignore;
          resolve();
        }
      };
      this.#admitted();
    });
  }

  async cancel(times: number): Promise<void> {
    for (let i = 0; i < times; i++) this.leave(this.tickets.replace(this.join()));
    await settled();
  }
}

class SignalLine extends PQueueLine<AbortController> {
  constructor(
    readonly queue: PQueue,
    waiting: number,
  ) {
    super();
    this.fill(waiting);
  }

  get size(): number {
    return this.queue.size;
  }

  protected join(): AbortController {
    const controller = new AbortController();
    this.queue.add(this.task, { signal: controller.signal }).catch(ignore);
    return controller;
  }

  protected stay(): void {
    this.queue.add(this.task).catch(ignore);
  }

  protected leave(controller: AbortController): void {
    controller.abort();
  }
}

/** A line that cancels behind p-queue's back, in its own `queueClass`. What `add` promised is then never settled. */
export class UnlinkingLine extends PQueueLine<LinkedTicket> {
  readonly #list = new LinkedRunQueue();
  readonly #queue: PQueue<LinkedRunQueue, LinkedOptions>;

  constructor(waiting: number) {
    super();
    const list = this.#list;
    // p-queue makes its queue itself and shows it to nobody; a constructor that returns one is the way to know it.
    const queueClass = function () {
      return list;
    } as unknown as typeof LinkedRunQueue;
    this.#queue = new PQueue({ concurrency: 1, queueClass });
    this.fill(waiting);
  }

  get size(): number {
    return this.#queue.size;
  }

  protected join(): LinkedTicket {
    const ticket: LinkedTicket = {};
    void this.#queue.add(this.task, { ticket });
    return ticket;
  }

  protected stay(): void {
    this.join();
  }

  protected leave({ node }: LinkedTicket): void {
    if (node !== undefined) this.#list.unlink(node);
  }
}

/** All microtasks have run when an immediate does. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
