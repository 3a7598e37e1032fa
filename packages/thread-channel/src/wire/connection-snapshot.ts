import type { Connection, Goaway, SessionState } from '@grpc-manifold/core/internal';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';

/** The observable state of a connection. The thread sends it when it changes. */
export interface ConnectionSnapshot {
  readonly session: SessionState;
  readonly serverLimit: number | undefined;
  readonly bytesRead: number;
  readonly peer: string | undefined;
  readonly isConnecting: boolean;
  readonly goaway: Goaway | undefined;
  readonly error: { readonly message: string } | undefined;
}

const SESSION_STATES: readonly SessionState[] = ['unseen', 'open', 'closing', 'destroyed'];
/** The fields that a record contains, as bits. They are written in this order. */
const PART = { session: 1, serverLimit: 2, bytesRead: 4, peer: 8, isConnecting: 16, goaway: 32, error: 64 } as const;

/** The snapshot of a connection before anything is known of it. */
export const UNSEEN: ConnectionSnapshot = {
  session: 'unseen',
  serverLimit: undefined,
  bytesRead: 0,
  peer: undefined,
  isConnecting: false,
  goaway: undefined,
  error: undefined,
};

/**
 * Returns the fields that have changed since the last snapshot, as bits of PART; 0 for none. A field that becomes
 * undefined again, other than the server's limit, is not a change.
 */
export function changesOf(current: Connection, sent: ConnectionSnapshot): number {
  let changes = 0;
  if (current.session !== sent.session) changes |= PART.session;
  if (current.serverLimit !== sent.serverLimit) changes |= PART.serverLimit;
  if (current.bytesRead !== sent.bytesRead) changes |= PART.bytesRead;
  if (current.peer !== sent.peer && current.peer !== undefined) changes |= PART.peer;
  if (current.isConnecting !== sent.isConnecting) changes |= PART.isConnecting;
  if (current.goaway !== sent.goaway && current.goaway !== undefined) changes |= PART.goaway;
  if (current.error?.message !== sent.error?.message && current.error !== undefined) changes |= PART.error;
  return changes;
}

/** Writes the fields of {@link changesOf}, and returns the snapshot that the reader has then. */
export function writeSnapshot(
  to: BatchWriter,
  changes: number,
  current: Connection,
  sent: ConnectionSnapshot,
): ConnectionSnapshot {
  const { session, serverLimit, bytesRead, isConnecting } = current;
  const { peer = sent.peer, goaway = sent.goaway, error = sent.error } = current;
  to.u8(changes);
  if (changes & PART.session) to.u8(SESSION_STATES.indexOf(session));
  if (changes & PART.serverLimit) to.f64(serverLimit ?? Infinity);
  if (changes & PART.bytesRead) to.f64(bytesRead);
  if (changes & PART.peer) to.text(peer ?? '');
  if (changes & PART.isConnecting) to.u8(isConnecting ? 1 : 0);
  if (changes & PART.goaway && goaway !== undefined) {
    to.f64(goaway.code);
    to.f64(goaway.lastStreamId);
    to.text(goaway.debugData);
  }
  if (changes & PART.error) to.text(error?.message ?? '');
  return { session, serverLimit, bytesRead, peer, isConnecting, goaway, error };
}

/** Reads what {@link writeSnapshot} wrote. */
export function readSnapshot(from: BatchReader): Partial<ConnectionSnapshot> {
  const changes = from.u8();
  return {
    ...(changes & PART.session ? { session: SESSION_STATES[from.u8()] as SessionState } : {}),
    ...(changes & PART.serverLimit ? { serverLimit: finite(from.f64()) } : {}),
    ...(changes & PART.bytesRead ? { bytesRead: from.f64() } : {}),
    ...(changes & PART.peer ? { peer: from.text() } : {}),
    ...(changes & PART.isConnecting ? { isConnecting: from.u8() === 1 } : {}),
    ...(changes & PART.goaway
      ? { goaway: { code: from.f64(), lastStreamId: from.f64(), debugData: from.text() } }
      : {}),
    ...(changes & PART.error ? { error: { message: from.text() } } : {}),
  };
}

function finite(limit: number): number | undefined {
  return limit === Infinity ? undefined : limit;
}
