import type { Connection, Goaway, SessionState } from '@grpc-manifold/core/internal';
import type { BatchReader } from './batch-reader.js';
import type { BatchWriter } from './batch-writer.js';

/** What is seen of a connection, told when it has changed. */
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
/** Which parts stand in a record, in this order. */
const PART = { session: 1, serverLimit: 2, bytesRead: 4, peer: 8, isConnecting: 16, goaway: 32, error: 64 } as const;

/** What is told of a connection of which nothing was seen. */
export const UNSEEN: ConnectionSnapshot = {
  session: 'unseen',
  serverLimit: undefined,
  bytesRead: 0,
  peer: undefined,
  isConnecting: false,
  goaway: undefined,
  error: undefined,
};

/** Tells which parts of a snapshot have changed; 0 for none. What was known once stays known. */
export function changesOf(seen: Connection, told: ConnectionSnapshot): number {
  let changes = 0;
  if (seen.session !== told.session) changes |= PART.session;
  if (seen.serverLimit !== told.serverLimit) changes |= PART.serverLimit;
  if (seen.bytesRead !== told.bytesRead) changes |= PART.bytesRead;
  if (seen.peer !== told.peer && seen.peer !== undefined) changes |= PART.peer;
  if (seen.isConnecting !== told.isConnecting) changes |= PART.isConnecting;
  if (seen.goaway !== told.goaway && seen.goaway !== undefined) changes |= PART.goaway;
  if (seen.error?.message !== told.error?.message && seen.error !== undefined) changes |= PART.error;
  return changes;
}

/** Writes what {@link changesOf} told, and returns what the other side knows now. */
export function writeSnapshot(
  to: BatchWriter,
  changes: number,
  seen: Connection,
  told: ConnectionSnapshot,
): ConnectionSnapshot {
  const { session, serverLimit, bytesRead, isConnecting } = seen;
  const { peer = told.peer, goaway = told.goaway, error = told.error } = seen;
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
