import { Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from './batch.js';
import { Record } from './batch.js';
import { BatchReader } from './batch-reader.js';
import { BatchWriter, TRANSFER_BYTES } from './batch-writer.js';
import { readMetadata, writeMetadata } from './metadata-record.js';
import { readStatus, writeStatus } from './status-record.js';

/** Transfers a batch as a port does. */
function across(batch: Batch): Batch {
  return structuredClone(batch, { transfer: batch });
}

type Part =
  | { readonly kind: 'u8' | 'u32' | 'f64'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'payload'; readonly value: Buffer };

const buffer = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));

const parts = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
    fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
    fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'binary', maxLength: 2_000 }) }),
    fc.record({ kind: fc.constant('bytes' as const), value: buffer(3_000) }),
    fc.record({
      kind: fc.constant('payload' as const),
      value: fc.nat(2 * TRANSFER_BYTES).map((length) => Buffer.alloc(length, length % 251)),
    }),
  ),
  { maxLength: 40 },
);

function write(to: BatchWriter, part: Part, isOurs: boolean): void {
  switch (part.kind) {
    case 'text':
      return to.text(part.value);
    case 'payload':
      return to.payload(isOurs ? Buffer.from(part.value) : part.value, isOurs);
    case 'bytes':
      return to.bytes(part.value);
    default:
      return to[part.kind](part.value);
  }
}

function read(from: BatchReader, { kind }: Part): unknown {
  return from[kind]();
}

describe('a batch', () => {
  it('is read as it was written, in order, for values of every kind', () => {
    const to = new BatchWriter();
    fc.assert(
      fc.property(parts, fc.boolean(), (given, isOurs) => {
        for (const part of given) write(to, part, isOurs);
        const from = new BatchReader(across(to.take()));
        // A lone surrogate has no UTF-8 encoding.
        for (const part of given) {
          const expected = part.kind === 'text' ? Buffer.from(part.value).toString() : part.value;
          const got = read(from, part);
          if (Buffer.isBuffer(got)) expect(got.equals(expected as Buffer)).toBe(true);
          else expect(got).toEqual(expected);
        }
        expect(from.u8()).toBe(0);
      }),
      { seed: 20_261_128, numRuns: 100 },
    );
  });

  it('copies a message that is not ours', () => {
    const to = new BatchWriter();
    const message = Buffer.alloc(TRANSFER_BYTES, 7);
    to.payload(message, false);
    expect(new BatchReader(across(to.take())).payload()).toEqual(message);
    expect(message).toEqual(Buffer.alloc(TRANSFER_BYTES, 7));
  });

  it('transfers the memory of a large message that is ours', () => {
    const to = new BatchWriter();
    const message = Buffer.from(new ArrayBuffer(TRANSFER_BYTES));
    to.payload(message, true);
    expect(new BatchReader(across(to.take())).payload()).toHaveLength(TRANSFER_BYTES);
    expect(message).toHaveLength(0);
  });

  it('transfers the memory of a message with the few bytes of its frame before it', () => {
    const to = new BatchWriter();
    const message = Buffer.from(new ArrayBuffer(TRANSFER_BYTES + 5), 5).fill(4);
    to.payload(message, true);
    expect(new BatchReader(across(to.take())).payload()).toEqual(Buffer.alloc(TRANSFER_BYTES, 4));
    expect(message).toHaveLength(0);
  });

  it('copies a large message that is part of a larger ArrayBuffer', () => {
    const to = new BatchWriter();
    const whole = Buffer.alloc(3 * TRANSFER_BYTES, 1);
    to.payload(whole.subarray(TRANSFER_BYTES, 2 * TRANSFER_BYTES).fill(2), true);
    expect(new BatchReader(across(to.take())).payload()).toEqual(Buffer.alloc(TRANSFER_BYTES, 2));
    expect(whole[0]).toBe(1);
  });

  it('copies a message in shared memory', () => {
    const to = new BatchWriter();
    const shared = Buffer.from(new SharedArrayBuffer(TRANSFER_BYTES)).fill(3);
    to.payload(shared, true);
    expect(new BatchReader(across(to.take())).payload()).toEqual(Buffer.alloc(TRANSFER_BYTES, 3));
  });

  it('uses smaller buffers again after a large batch', () => {
    const to = new BatchWriter();
    to.bytes(Buffer.alloc(1 << 20));
    expect(to.take()[0].byteLength).toBeGreaterThan(1 << 20);
    const sizes = Array.from({ length: 40 }, () => {
      to.u8(1);
      return to.take()[0].byteLength;
    });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(262_144);
    expect(sizes.at(-1)).toBe(4_096);
  });

  it('is read into copies, which do not keep the batch alive', () => {
    const to = new BatchWriter();
    to.bytes(Buffer.from('kept'));
    const batch = across(to.take());
    const kept = new BatchReader(batch).bytes();
    new Uint8Array(batch[0]).fill(0);
    expect(kept.toString()).toBe('kept');
  });
});

describe('metadata', () => {
  it('is read with every value in order, binary values and options included', () => {
    const metadata = new Metadata({ waitForReady: true, idempotentRequest: true });
    metadata.add('key', 'one');
    metadata.add('key', 'two');
    metadata.add('trace-bin', Buffer.from([0, 255, 128]));
    metadata.add('trace-bin', Buffer.alloc(0));
    metadata.add('empty', '');
    const to = new BatchWriter();
    writeMetadata(to, metadata);
    const read = readMetadata(new BatchReader(across(to.take())));
    expect(read.toJSON()).toEqual(metadata.toJSON());
    expect(read.getOptions()).toEqual({ waitForReady: true, idempotentRequest: true });
  });

  it('is read as empty when it was empty', () => {
    const to = new BatchWriter();
    writeMetadata(to, new Metadata());
    const read = readMetadata(new BatchReader(across(to.take())));
    expect(read.toJSON()).toEqual({});
    expect(read.getOptions()).toEqual({});
  });
});

describe('metadata with values that are not strings', () => {
  const odd = (key: string, value: unknown): Metadata => {
    const metadata = new Metadata();
    metadata.set(key, value as string);
    return metadata;
  };

  it.each([
    ['a number', 3, ['3']],
    ['a boolean', true, ['true']],
    ['a list', ['a', 'b'], ['a', 'b']],
    ['none', undefined, []],
    ['null', null, []],
  ])('comes as HTTP/2 would write it: %s', (_name, value, read) => {
    const to = new BatchWriter();
    writeMetadata(to, odd('key', value));
    expect(readMetadata(new BatchReader(across(to.take()))).get('key')).toEqual(read);
  });

  it('is refused when a value cannot be a header, and its record is discarded', () => {
    const to = new BatchWriter();
    to.mark();
    to.u8(7);
    to.mark();
    to.payload(Buffer.alloc(TRANSFER_BYTES), false);
    const list = ['plain'];
    const metadata = odd('key', list);
    list[0] = 'schön';
    expect(() => writeMetadata(to, metadata)).toThrow(/Metadata key must have printable ASCII.*schön/);
    to.undo();
    to.mark();
    to.u8(8);
    const batch = across(to.take());
    expect(batch).toHaveLength(1);
    const from = new BatchReader(batch);
    expect([from.u8(), from.u8(), from.u8()]).toEqual([7, 8, Record.End]);
  });

  it('is read without a key that objects cannot have', () => {
    const metadata = odd('__proto__', 'hello');
    metadata.set('key', 'value');
    const to = new BatchWriter();
    writeMetadata(to, metadata);
    expect(readMetadata(new BatchReader(across(to.take()))).toJSON()).toEqual({ key: ['value'] });
  });
});

describe('a status', () => {
  it.each([0, 16, 17, 255, 256, 512, -1, 1.5, NaN])('is read with the code %d', (code) => {
    const to = new BatchWriter();
    writeStatus(to, { code, details: '', metadata: new Metadata() });
    expect(readStatus(new BatchReader(across(to.take()))).code).toBe(code);
  });

  it('is read with its code, details and trailers', () => {
    const metadata = new Metadata();
    metadata.add('why', 'because');
    const to = new BatchWriter();
    writeStatus(to, { code: status.ABORTED, details: 'schön ☃', metadata });
    const read = readStatus(new BatchReader(across(to.take())));
    expect(read).toMatchObject({ code: status.ABORTED, details: 'schön ☃' });
    expect(read.metadata.toJSON()).toEqual({ why: ['because'] });
  });

  it('is read without a code when grpc-js gave none', () => {
    const to = new BatchWriter();
    writeStatus(to, { code: undefined, details: undefined, metadata: new Metadata() } as never);
    expect(Object.keys(readStatus(new BatchReader(across(to.take()))))).toEqual(['metadata']);
  });
});
