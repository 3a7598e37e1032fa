import type { Clock } from '@grpc-manifold/core/internal';
import type { Batch } from './batch.js';
import { BatchWriter } from './batch-writer.js';

/**
 * A batch of so many records is sent before the end of the turn: about thirty unary calls. The other thread starts on
 * them while this thread continues. Otherwise a burst of a hundred calls stays one batch, and each thread is idle while
 * the other works on it.
 */
const FULL_RECORDS = 96;
/** The same in bytes. */
const FULL_BYTES = 131_072;

/** A message port or worker. */
export interface Port {
  postMessage(value: unknown, transferList?: readonly ArrayBuffer[]): void;
}

/**
 * Sends the records of a turn of the event loop as one batch: a message between threads costs about 10 µs on each side,
 * whatever its size.
 */
export class Outbox<Message> {
  readonly #writer = new BatchWriter();
  readonly #port: Port;
  readonly #clock: Clock;
  #records = 0;
  #isDue = false;
  #isFlushing = false;
  #isClosed = false;
  /** Called before a batch is sent. It may write more records. */
  beforeSending: (() => void) | undefined;

  /**
   * @param onBroken called once, when a batch could not be sent. Its records are lost, and all later records are
   * discarded. The owner must end everything that depends on them.
   */
  constructor(
    port: Port,
    clock: Clock,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.#port = port;
    this.#clock = clock;
  }

  /** Opens one record, which is sent at the end of this turn at the latest. */
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

  /** Discards the record that was opened last, because writing it failed. */
  undo(): void {
    this.#writer.undo();
  }

  /** Reuses the memory of a received batch for a batch to send. */
  reuse([memory]: Batch): void {
    this.#writer.reuse(memory);
  }

  /**
   * Sends a message of its own, after the records that were written before it.
   *
   * @throws DataCloneError for a message that cannot be cloned. The outbox stays usable.
   */
  post(message: Message): void {
    if (this.#isClosed) return;
    this.flush();
    this.#port.postMessage(message);
  }

  /** Sends the records now. */
  flush(): void {
    // `beforeSending` writes records, and a full batch would call `flush` again.
    if (this.#isClosed || this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      this.beforeSending?.();
    } catch (error) {
      // The reader would take half a record for part of the next one.
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

  /** Sends a copy: the owner of a payload may have marked its memory as untransferable. */
  #sendCopy(batch: Batch): void {
    try {
      this.#port.postMessage(batch);
    } catch (error) {
      this.close();
      this.onBroken(error);
    }
  }

  /** Discards all records from now on: the reader is gone. */
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
