import { Record, type Batch } from './batch.js';

/** A buffer is this large at first, and never smaller: what most batches of a turn come to. */
const SMALLEST_BYTES = 4_096;
/** The next buffer is made as large as the last batch was, up to here. */
const LARGEST_BYTES = 262_144;

/**
 * Bytes from which on a message gets an ArrayBuffer of its own, that is handed over and not copied. Below it two copies
 * cost less than the hand-over: measured, docs/guides/threads.md.
 */
export const TRANSFER_BYTES = 16_384;
/** Bytes beside a message that may be handed over with it. */
const MOST_BESIDES_BYTES = 64;

/** Gathers what one thread has to say to the other in a turn of the event loop. */
export class BatchWriter {
  #size = SMALLEST_BYTES;
  #buffer = Buffer.allocUnsafeSlow(SMALLEST_BYTES);
  #view = viewOf(this.#buffer);
  #at = 0;
  #spare: Buffer<ArrayBuffer> | undefined;
  #attachments: ArrayBuffer[] = [];
  #begun = { at: 0, attachments: 0 };

  /** Bytes of the records that were gathered. */
  get length(): number {
    return this.#at;
  }

  /** A record begins: {@link undo} goes back to here. */
  mark(): void {
    this.#begun.at = this.#at;
    this.#begun.attachments = this.#attachments.length;
  }

  /** Takes back what was written of the last record: half of one would be read as part of the next. */
  undo(): void {
    this.#at = this.#begun.at;
    this.#attachments.length = this.#begun.attachments;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(value: string): void {
    // A UTF-16 unit is three bytes of UTF-8 at the most.
    this.#reserve(4 + value.length * 3);
    const length = this.#buffer.write(value, this.#at + 4, 'utf8');
    this.#view.setUint32(this.#at, length, true);
    this.#at += 4 + length;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#view.setUint32(this.#at, value.length, true);
    this.#buffer.set(value, this.#at + 4);
    this.#at += 4 + value.length;
  }

  /**
   * A message.
   *
   * @param isOurs nobody else holds it: its memory may be handed over as it is.
   */
  payload(message: Buffer, isOurs: boolean): void {
    if (message.length < TRANSFER_BYTES) {
      this.u8(0);
      return this.bytes(message);
    }
    const { buffer, byteOffset, length } = isOurs && isAlmostWhole(message) ? message : copyOf(message);
    this.u8(1);
    this.u32(byteOffset);
    this.u32(length);
    this.#attachments.push(buffer as ArrayBuffer);
  }

  /** Gives what was gathered, and begins anew. The buffers in it are to be transferred. */
  take(): Batch {
    this.#view.setUint8(this.#at, Record.End);
    const batch: Batch = [this.#buffer.buffer, ...this.#attachments];
    // One that grew keeps its size for a while: a quarter less each time.
    this.#size = Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, this.#at, Math.ceil(this.#size * 0.75)));
    this.#begin(this.#spare ?? Buffer.allocUnsafeSlow(this.#size));
    this.#spare = undefined;
    if (this.#attachments.length > 0) this.#attachments = [];
    this.#at = 0;
    return batch;
  }

  /**
   * Takes memory that is of no more use for the batch after this one: what one thread has read comes back with what it
   * answers, and neither has to make, nor to collect, a buffer for each batch.
   */
  reuse(memory: ArrayBuffer): void {
    if (memory.byteLength >= this.#size && memory.byteLength <= LARGEST_BYTES) this.#spare = Buffer.from(memory);
  }

  #begin(buffer: Buffer<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    // One more, for the end.
    if (needed < this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed + 1, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#begin(larger);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** grpc-js gives out a message behind the five bytes of its frame, in memory that is nobody else's. */
function isAlmostWhole({ buffer, length }: Buffer): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength - length <= MOST_BESIDES_BYTES;
}

function copyOf(message: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(message.length);
  message.copy(copy);
  return copy;
}
