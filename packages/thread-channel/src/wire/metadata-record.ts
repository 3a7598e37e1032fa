import { inspect } from 'node:util';
import { Metadata, type MetadataOptions } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';

const FLAG = { idempotentRequest: 1, waitForReady: 2, cacheableRequest: 4, corked: 8 } as const;
const IS_TEXT = 1;
const IS_BYTES = 2;
const IS_END = 0;

/** The characters of a header value: printable ASCII, as grpc-js checks strings. */
const LEGAL_TEXT = /^[ -~]*$/;

/**
 * Writes metadata and its options: for each value its kind, its key and the value.
 *
 * @throws TypeError for a value that cannot be a header. grpc-js accepts values that are not strings, and Node's HTTP/2
 * converts them to strings; so does this function.
 */
export function writeMetadata(to: BatchWriter, metadata: Metadata): void {
  to.u8(flagsOf(metadata.getOptions()));
  const entries = metadata.toJSON();
  for (const key of Object.keys(entries)) {
    for (const value of entries[key] as unknown[]) {
      if (typeof value === 'string') writeText(to, key, value);
      else writeOther(to, key, value);
    }
  }
  to.u8(IS_END);
}

function writeText(to: BatchWriter, key: string, value: string): void {
  to.u8(IS_TEXT);
  to.text(key);
  to.text(value);
}

/** Writes bytes as they are, and any other value as the string that Node's HTTP/2 makes of it. */
function writeOther(to: BatchWriter, key: string, value: unknown): void {
  if (value instanceof Uint8Array) {
    to.u8(IS_BYTES);
    to.text(key);
    to.bytes(value);
  } else if (Array.isArray(value)) {
    for (const each of value as unknown[]) writeOther(to, key, each);
  } else if (value !== undefined && value !== null) {
    // eslint-disable-next-line @typescript-eslint/no-base-to-string -- as Node's HTTP/2 does
    const text = String(value);
    if (LEGAL_TEXT.test(text)) return writeText(to, key, text);
    throw new TypeError(`Metadata ${key} must have printable ASCII for its value, got ${inspect(value)}`);
  }
}

/** Reads what {@link writeMetadata} wrote. */
export function readMetadata(from: BatchReader): Metadata {
  const metadata = new Metadata(optionsOf(from.u8()));
  for (let kind = from.u8(); kind !== IS_END; kind = from.u8()) {
    const key = from.text();
    metadata.add(key, kind === IS_TEXT ? from.text() : from.bytes());
  }
  return metadata;
}

function flagsOf(options: MetadataOptions): number {
  return (
    (options.idempotentRequest === true ? FLAG.idempotentRequest : 0) |
    (options.waitForReady === true ? FLAG.waitForReady : 0) |
    (options.cacheableRequest === true ? FLAG.cacheableRequest : 0) |
    (options.corked === true ? FLAG.corked : 0)
  );
}

function optionsOf(flags: number): MetadataOptions | undefined {
  if (flags === 0) return undefined;
  return {
    ...(flags & FLAG.idempotentRequest ? { idempotentRequest: true } : {}),
    ...(flags & FLAG.waitForReady ? { waitForReady: true } : {}),
    ...(flags & FLAG.cacheableRequest ? { cacheableRequest: true } : {}),
    ...(flags & FLAG.corked ? { corked: true } : {}),
  };
}
