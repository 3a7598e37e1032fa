import type { Metadata } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';
import { readMetadata, writeMetadata } from './metadata-record.js';

/** The answer of call credentials to a thread's question. */
export interface CredentialsAnswer {
  readonly question: number;
  /** Null when the credentials made their metadata. */
  readonly error: Error | null;
  readonly metadata?: Metadata;
}

/**
 * Writes the metadata that call credentials made.
 *
 * @throws TypeError for metadata that cannot be sent as headers.
 */
export function writeCredentials(to: BatchWriter, question: number, metadata: Metadata): void {
  to.u32(question);
  to.u8(1);
  writeMetadata(to, metadata);
}

/**
 * Writes that call credentials failed.
 *
 * @param code the error's status code; NaN when it has none.
 */
export function writeCredentialsError(to: BatchWriter, question: number, code: number, details: string): void {
  to.u32(question);
  to.u8(0);
  to.f64(code);
  to.text(details);
}

/** Reads what {@link writeCredentials} or {@link writeCredentialsError} wrote. */
export function readCredentials(from: BatchReader): CredentialsAnswer {
  const [question, isMade] = [from.u32(), from.u8() === 1];
  if (isMade) return { question, error: null, metadata: readMetadata(from) };
  const code = from.f64();
  return { question, error: Object.assign(new Error(from.text()), Number.isNaN(code) ? {} : { code }) };
}
