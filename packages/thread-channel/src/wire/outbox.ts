import type { Clock } from '@grpc-manifold/core/internal';
import type { Batch } from './batch.js';
import { BatchWriter } from './batch-writer.js';

/**
 * Records after which a batch does not wait for the end of the turn: those of some thirty unary calls. The other thread
 * begins on them while this one goes on; else a hundred calls that come together stay together, and each thread waits
 * for the other.
 */
const FULL_RECORDS = 96;
/** The same in bytes. */
const FULL_BYTES = 131_072;

/** What a batch goes out by. */
export interface Port {
  postMessage(value: unknown, transferList?: readonly ArrayBuffer[]): void;
}

/**
 * Sends what is written to it, all that came together in a turn of the event loop at once: a message between threads
 * costs some 10 µs on each side, whatever is in it.
 */
export class Outbox<Message> {
  readonly #writer = new BatchWriter();
  readonly #port: Port;
  readonly #clock: Clock;
  #records = 0;
  #isDue = false;
  #isFlushing = false;
  #isClosed = false;
  /** Called before a batch goes out. */
  beforeSending: (() => void) | undefined;

  /**
   * @param onBroken called once, when a batch could not be sent. Whoever its records are about is told nothing more by
   * them, and whatever is written from then on is thrown away: the owner must end all that depends on it.
   */
  constructor(
    port: Port,
    clock: Clock,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.#port = port;
    this.#clock = clock;
  }

  /** Gives the writer for one record, that goes out at the end of this turn at the latest. */
  open(): BatchWriter {
    if (!this.#isDue) {
      this.#isDue = true;
      this.#clock.soon(this.#send);
    } else if (this.#records >= FULL_RECORDS || this.#writer.length > FULL_BYTES) {
      this.flush();
    }
    this.#records += 1;
    this.#writer.mark();
    return this.#writer;
  }

  /** Takes back the record that was opened last: its writing has failed. */
  undo(): void {
    this.#writer.undo();
  }

  /** Takes the memory of a batch that came in and was read: the next that goes out is written into it. */
  reuse([memory]: Batch): void {
    this.#writer.reuse(memory);
  }

  /**
   * Sends a message by itself, behind what was written before it.
   *
   * @throws DataCloneError for a message that cannot be cloned; what follows goes out as before.
   */
  post(message: Message): void {
    if (this.#isClosed) return;
    this.flush();
    this.#port.postMessage(message);
  }

  /** Sends what was written, now. */
  flush(): void {
    // Also inside itself, by what is written before it goes out.
    if (this.#isClosed || this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      this.beforeSending?.();
    } catch (error) {
      // Half a record would be read as part of the next.
      this.undo();
      throw error;
    } finally {
      this.#isFlushing = false;
      this.#sendBatch();
    }
  }

  #sendBatch(): void {
    if (this.#writer.length === 0) return;
    this.#records = 0;
    const batch: Batch = this.#writer.take();
    try {
      this.#port.postMessage(batch, batch);
    } catch {
      this.#sendCopy(batch);
    }
  }

  /** Memory that cannot be handed over, because its owner has forbidden that, can be copied. */
  #sendCopy(batch: Batch): void {
    try {
      this.#port.postMessage(batch);
    } catch (error) {
      this.close();
      this.onBroken(error);
    }
  }

  /** From now on whatever is written is thrown away: nobody is there to read it. */
  close(): void {
    this.#isClosed = true;
  }

  readonly #send = (): void => {
    try {
      if (this.#isClosed) this.#writer.take();
      else this.flush();
    } finally {
      this.#isDue = false;
    }
  };
}
