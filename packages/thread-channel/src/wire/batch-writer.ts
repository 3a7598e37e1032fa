import { Record, type Batch } from './batch.js';

/** The size of the first buffer, and the least size of every other: most batches fit in it. */
const SMALLEST_BYTES = 4_096;
/** The next buffer gets the size of the last batch, up to this limit. */
const LARGEST_BYTES = 262_144;

/**
 * Messages of at least so many bytes get an ArrayBuffer of their own, which is transferred. For smaller messages two
 * copies cost less than the transfer (measured in docs/guides/threads.md).
 */
export const TRANSFER_BYTES = 16_384;
/** A message's ArrayBuffer may have so many other bytes and still be transferred without a copy. */
const MOST_SURPLUS_BYTES = 64;

/** Writes the records of one batch. */
export class BatchWriter {
  #size = SMALLEST_BYTES;
  #buffer = Buffer.allocUnsafeSlow(SMALLEST_BYTES);
  #view = viewOf(this.#buffer);
  #at = 0;
  #spare: Buffer<ArrayBuffer> | undefined;
  #attachments: ArrayBuffer[] = [];
  #recordStart = { at: 0, attachments: 0 };

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.#at;
  }

  /** Marks the start of a record for {@link undo}. */
  mark(): void {
    this.#recordStart.at = this.#at;
    this.#recordStart.attachments = this.#attachments.length;
  }

  /** Discards the last record. The reader would take half a record for part of the next one. */
  undo(): void {
    this.#at = this.#recordStart.at;
    this.#attachments.length = this.#recordStart.attachments;
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
    // A UTF-16 code unit takes at most three bytes of UTF-8.
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
   * Writes a message.
   *
   * @param isOurs true when nothing else refers to the message, so that its memory may be transferred.
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

  /** Returns the batch and starts the next one. The caller must transfer the buffers of the batch. */
  take(): Batch {
    this.#view.setUint8(this.#at, Record.End);
    const batch: Batch = [this.#buffer.buffer, ...this.#attachments];
    // After a large batch the size shrinks by a quarter each time, so that bursts do not grow the buffer again.
    this.#size = Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, this.#at, Math.ceil(this.#size * 0.75)));
    this.#begin(this.#spare ?? Buffer.allocUnsafeSlow(this.#size));
    this.#spare = undefined;
    if (this.#attachments.length > 0) this.#attachments = [];
    this.#at = 0;
    return batch;
  }

  /**
   * Keeps the memory of a batch that was read for a later batch. The same buffers go back and forth between the
   * threads, so that neither thread allocates and collects a buffer for each batch.
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
    // One byte more, for Record.End.
    if (needed < this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed + 1, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#begin(larger);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** A message of grpc-js has an ArrayBuffer of its own, with the five bytes of the gRPC frame before the message. */
function isAlmostWhole({ buffer, length }: Buffer): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength - length <= MOST_SURPLUS_BYTES;
}

function copyOf(message: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(message.length);
  message.copy(copy);
  return copy;
}
