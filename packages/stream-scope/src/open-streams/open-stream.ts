import type { CallKind } from '@grpc-manifold/core';
import type { StreamRecord } from './stream-record.js';
import { allRecords } from './stream-records.js';

/** A stream that has no status yet, as it was when it was looked at. */
export interface OpenStream {
  /** The full method path, as '/package.Service/Method'; 'unknown' where nobody can tell. */
  readonly method: string;
  readonly kind: CallKind;
  /** Milliseconds since it was opened. */
  readonly ageMs: number;
  /** Milliseconds since the last message either way, or since it was opened. */
  readonly idleMs: number;
  readonly sentMessages: number;
  readonly receivedMessages: number;
  /** The line that opened it, as a stack trace has it, where that was captured. */
  readonly openedAt?: string | undefined;
  /** Ends the RPC with CANCELLED. Harmless when it has ended since. */
  cancel(): void;
}

/**
 * Lists every stream of this process that has no status yet: the scoped ones, and all of pooled clients. Oldest first;
 * a frozen snapshot that costs as much as there are streams.
 */
export function openStreams(): readonly OpenStream[] {
  return Object.freeze(Array.from(allRecords(), openStreamOf));
}

/** Takes the snapshot of one stream. */
export function openStreamOf(record: StreamRecord): OpenStream {
  return Object.freeze({
    method: record.identity.method,
    kind: record.identity.kind,
    ageMs: record.ageMs,
    idleMs: record.idleMs,
    sentMessages: record.sentMessages,
    receivedMessages: record.receivedMessages,
    openedAt: record.openedAt,
    cancel: () => record.cancel(),
  });
}
