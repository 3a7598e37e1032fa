import type { Batch } from './batch.js';

/** Reads a batch. Its results are copies, or the memory of an attachment. */
export class BatchReader {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #attachments: ArrayBuffer[];
  #at = 0;
  #nextAttachment = 0;

  constructor([records, ...attachments]: Batch) {
    this.#buffer = Buffer.from(records);
    this.#view = new DataView(records);
    this.#attachments = attachments;
  }

  u8(): number {
    const value = this.#view.getUint8(this.#at);
    this.#at += 1;
    return value;
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  text(): string {
    const length = this.u32();
    const value = this.#buffer.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Copies the bytes: a view would keep the memory of the whole batch alive. */
  bytes(): Buffer {
    const length = this.u32();
    const value = Buffer.allocUnsafe(length);
    this.#buffer.copy(value, 0, this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  payload(): Buffer {
    if (this.u8() === 0) return this.bytes();
    const [offset, length] = [this.u32(), this.u32()];
    const attachment = this.#attachments[this.#nextAttachment] as ArrayBuffer;
    this.#nextAttachment += 1;
    return Buffer.from(attachment, offset, length);
  }
}
