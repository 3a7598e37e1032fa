import type { Metadata } from '@grpc/grpc-js';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';
import { readMetadata, writeMetadata } from './metadata-record.js';

const FLAG = { hasDeadline: 1, hasHost: 2, hasCredentials: 4 } as const;

/** The start of a call. */
export interface StartRecord {
  /** The number of the call's channel. */
  readonly channel: number;
  readonly method: string;
  /** When the deadline passes, in milliseconds of the monotonic clock: both threads read the same one. */
  readonly dueMs: number;
  readonly host: string | null;
  /** True when the thread has to ask the calling thread for credentials. */
  readonly hasCredentials: boolean;
  readonly metadata: Metadata;
}

/**
 * Writes the start of a call.
 *
 * @throws TypeError for metadata that cannot be sent as headers.
 */
export function writeStart(to: BatchWriter, start: StartRecord): void {
  const { channel, method, dueMs, host, hasCredentials, metadata } = start;
  const hasDeadline = dueMs !== Infinity;
  to.u32(channel);
  to.u8(
    (hasDeadline ? FLAG.hasDeadline : 0) |
      (host === null ? 0 : FLAG.hasHost) |
      (hasCredentials ? FLAG.hasCredentials : 0),
  );
  to.text(method);
  if (hasDeadline) to.f64(dueMs);
  if (host !== null) to.text(host);
  writeMetadata(to, metadata);
}

/** Reads what {@link writeStart} wrote. */
export function readStart(from: BatchReader): StartRecord {
  const channel = from.u32();
  const flags = from.u8();
  const method = from.text();
  const dueMs = flags & FLAG.hasDeadline ? from.f64() : Infinity;
  const host = flags & FLAG.hasHost ? from.text() : null;
  const metadata = readMetadata(from);
  return { channel, method, dueMs, host, hasCredentials: (flags & FLAG.hasCredentials) !== 0, metadata };
}
