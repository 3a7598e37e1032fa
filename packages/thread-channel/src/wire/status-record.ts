import type { StatusObject } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';
import { readMetadata, writeMetadata } from './metadata-record.js';

/**
 * Writes a status of grpc-js. Its code may be any number that a server has sent, or NaN if the server sent no number.
 */
export function writeStatus(
  to: BatchWriter,
  { code, details, metadata }: Partial<StatusObject> & Pick<StatusObject, 'metadata'>,
): void {
  // grpc-js 1.14 ends a call whose message it cannot decompress with neither a code nor details.
  const hasCode = code !== undefined;
  to.u8(hasCode ? 1 : 0);
  if (hasCode) to.f64(code);
  to.text(details ?? '');
  writeMetadata(to, metadata);
}

/** Reads what {@link writeStatus} wrote. */
export function readStatus(from: BatchReader): StatusObject {
  const code = from.u8() === 1 ? from.f64() : undefined;
  const [details, metadata] = [from.text(), readMetadata(from)];
  return code === undefined ? ({ metadata } as StatusObject) : { code, details, metadata };
}
