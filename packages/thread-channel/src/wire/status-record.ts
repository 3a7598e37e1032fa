import type { StatusObject } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';
import { readMetadata, writeMetadata } from './metadata-record.js';

/** grpc-js 1.14 ends a call whose message it cannot decompress with neither a code nor details. */
const NO_CODE = 255;

/** Writes a status as grpc-js told it. */
export function writeStatus(to: BatchWriter, { code, details, metadata }: StatusObject): void {
  to.u8(code ?? NO_CODE);
  to.text(details ?? '');
  writeMetadata(to, metadata);
}

/** Reads what {@link writeStatus} wrote. */
export function readStatus(from: BatchReader): StatusObject {
  const [code, details, metadata] = [from.u8(), from.text(), readMetadata(from)];
  return code === NO_CODE ? ({ metadata } as StatusObject) : { code, details, metadata };
}
