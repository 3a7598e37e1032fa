import { Metadata, type MetadataOptions } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';

const FLAG = { idempotentRequest: 1, waitForReady: 2, cacheableRequest: 4, corked: 8 } as const;
const IS_TEXT = 1;
const IS_BYTES = 2;
const IS_END = 0;

/** Writes metadata, its options included: for each value its kind, its key and itself. */
export function writeMetadata(to: BatchWriter, metadata: Metadata): void {
  to.u8(flagsOf(metadata.getOptions()));
  const entries = metadata.toJSON();
  for (const key in entries) {
    for (const value of entries[key] as (string | Buffer)[]) {
      if (typeof value === 'string') {
        to.u8(IS_TEXT);
        to.text(key);
        to.text(value);
      } else {
        to.u8(IS_BYTES);
        to.text(key);
        to.bytes(value);
      }
    }
  }
  to.u8(IS_END);
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
