import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import type { TransportFault } from './fault.js';

/** A GOAWAY frame (RFC 9113, section 6.8). */
export interface Goaway {
  readonly code: number;
  /** The highest stream that the server may have acted on. */
  readonly lastStreamId: number;
  readonly debugData: string;
}

/** What is known of a connection that was lost after it had worked. */
export interface LostConnection {
  readonly goaway?: Goaway | undefined;
  /** The error of its socket. */
  readonly error?: { readonly message: string } | undefined;
  /** True when more streams were reset on it than a server may bear. */
  readonly hasResetMany: boolean;
}

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const ENHANCE_YOUR_CALM = 11;

/** The names of error codes (RFC 9113, section 7), by their numbers. */
const CODE_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** What a gRPC server says with its GOAWAY when it was sent PINGs too often (gRFC A8). */
const TOO_MANY_PINGS = 'too_many_pings';

/** Tells what became of a connection that had worked. */
export function faultOfLostConnection({ goaway, error, hasResetMany }: LostConnection): TransportFault {
  if (goaway !== undefined) return faultOfGoaway(goaway, hasResetMany);
  if (error !== undefined) return { tag: 'reset', detail: `connection lost: ${error.message}` };
  return { tag: 'dropped', detail: 'the other end closed the connection' };
}

function faultOfGoaway({ code, debugData }: Goaway, hasResetMany: boolean): TransportFault {
  const words = debugData === '' ? '' : `, "${debugData}"`;
  const detail = `the server said GOAWAY, ${CODE_NAMES[code] ?? `code ${code}`}${words}`;
  if (code === ENHANCE_YOUR_CALM) {
    return { tag: debugData === TOO_MANY_PINGS ? 'too-many-pings' : 'rapid-reset', detail };
  }
  // nghttp2 (Node, nginx's cousins) says INTERNAL_ERROR to a client that resets too many streams.
  return { tag: code === INTERNAL_ERROR && hasResetMany ? 'rapid-reset' : 'goaway', detail };
}

/** True when a GOAWAY ends what is on the connection: Node destroys every stream of it then. */
export function endsCalls({ code }: Goaway): boolean {
  return code !== NO_ERROR;
}

/**
 * What grpc-js 1.14 says of a stream that went down with an error of this side (subchannel-call.ts). It makes
 * UNAVAILABLE of ECONNRESET and ETIMEDOUT, and INTERNAL of all others.
 */
const ENDED_BY_ERROR = /^Received RST_STREAM with code \d+ triggered by internal client error: ([^]*)$/;
/** How Node words the error of a system call. */
const SYSTEM_ERROR = /^[a-z]+ E[A-Z0-9]+\b/;

/** What is known of the connection of a call when the call has its status. */
export interface CarryingConnection {
  /** The error of its socket. */
  readonly error: { readonly message: string } | undefined;
  /** True when its session is destroyed or, where that cannot be seen, when its channel has left READY. */
  readonly isGone: boolean;
}

/**
 * Tells the fault of a call that ended because the socket of its connection had an error, whatever error that was and
 * whatever code grpc-js made of it (gRPC: a lost connection is UNAVAILABLE). Undefined for all else: an INTERNAL of the
 * server may have the same words, where it forwards the status of a call of its own; its connection is there.
 */
export function faultOfLostCall(
  { code, details, metadata }: StatusObject,
  { error, isGone }: CarryingConnection,
): TransportFault | undefined {
  if (wasSent(metadata)) return undefined;
  const words = code === status.INTERNAL ? ENDED_BY_ERROR.exec(details)?.[1] : undefined;
  const lost = code === status.UNAVAILABLE ? details : words;
  if (lost === undefined) return undefined;
  if (lost !== error?.message && !(isGone && words !== undefined && SYSTEM_ERROR.test(words))) return undefined;
  return { tag: 'reset', detail: `connection lost: ${lost}` };
}

/** What OpenSSL and Node say when a handshake fails or a certificate is not to be trusted. */
const TLS_WORDS =
  /certificate|self[- ]signed|altname|SSL routines|TLSV1|ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_VERIFY|secure TLS connection/i;
const RESOLUTION_WORDS = /name resolution|ENOTFOUND|EAI_AGAIN|ENODATA/i;

/** Tells why a connection could not be made, by what grpc-js and Node say of it. */
export function faultOfFailedAttempt(detail: string): TransportFault {
  if (RESOLUTION_WORDS.test(detail)) return { tag: 'name-resolution', detail };
  return { tag: TLS_WORDS.test(detail) ? 'tls' : 'connect-failed', detail };
}

/** What grpc-js 1.14 says of an RST_STREAM (subchannel-call.ts), where that tells of a fault. */
const RESET_WORDS: ReadonlyMap<string, TransportFault['tag']> = new Map([
  ['Stream refused by server', 'refused-stream'],
  ['Bandwidth exhausted or memory limit exceeded', 'rapid-reset'],
]);

/**
 * Tells what happened to a call whose connection goes on, by its status. Undefined for what is the server's own answer,
 * and for a stream that was reset by itself.
 */
export function faultOfStatus({ code, details, metadata }: StatusObject): TransportFault | undefined {
  const tag = RESET_WORDS.get(details);
  const isRefusal = code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED;
  if (tag === undefined || !isRefusal || wasSent(metadata)) return undefined;
  return { tag, detail: details };
}

/**
 * True when a status without headers before it came from the other end, whatever its words: it has at least a content
 * type with it. One that grpc-js made on this side has nothing.
 */
export function wasSent(metadata: Metadata): boolean {
  return Object.keys(metadata.getMap()).length > 0;
}
