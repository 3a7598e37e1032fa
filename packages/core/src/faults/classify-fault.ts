import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import type { TransportFault } from './fault.js';

/** A GOAWAY frame (RFC 9113, section 6.8). */
export interface Goaway {
  readonly code: number;
  /** The highest id of a stream that the server may have acted on. */
  readonly lastStreamId: number;
  readonly debugData: string;
}

/** The observations about a connection that was lost after it had been ready. */
export interface LostConnection {
  readonly goaway?: Goaway | undefined;
  /** The error of its socket. */
  readonly error?: { readonly message: string } | undefined;
  /** True when the client reset more streams on the connection than a server may tolerate. */
  readonly hasResetMany: boolean;
}

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const ENHANCE_YOUR_CALM = 11;

/** The names of the error codes (RFC 9113, section 7), indexed by code. */
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

/** The debug data of the GOAWAY that a gRPC server sends to a client that sends too many PINGs (gRFC A8). */
const TOO_MANY_PINGS = 'too_many_pings';

/** Returns the fault of a connection that was lost after it had been ready. */
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
  // Servers based on nghttp2, such as Node, send INTERNAL_ERROR to a client that resets too many streams.
  return { tag: code === INTERNAL_ERROR && hasResetMany ? 'rapid-reset' : 'goaway', detail };
}

/** True when a GOAWAY ends the calls on its connection: Node destroys all streams when the code is not NO_ERROR. */
export function endsCalls({ code }: Goaway): boolean {
  return code !== NO_ERROR;
}

/**
 * The details that grpc-js 1.14 gives to a stream that ended with a local error (subchannel-call.ts). Its code is
 * UNAVAILABLE for ECONNRESET and ETIMEDOUT, and INTERNAL for every other error.
 */
const ENDED_BY_ERROR = /^Received RST_STREAM with code \d+ triggered by internal client error: ([^]*)$/;
/** The message of a system error in Node, such as `read EHOSTUNREACH`. */
const SYSTEM_ERROR = /^[a-z]+ E[A-Z0-9]+\b/;

/** The state of a call's connection when the call gets its status. */
export interface CarryingConnection {
  /** The error of its socket. */
  readonly error: { readonly message: string } | undefined;
  /** True when the session is destroyed or, when it cannot be observed, when the channel has left READY. */
  readonly isGone: boolean;
}

/**
 * Returns the fault of a call that ended because the socket of its connection failed, for any socket error and any
 * status code that grpc-js derived from it (in gRPC a lost connection is UNAVAILABLE). Returns undefined for every
 * other status. A server may forward an INTERNAL status with the same text; its connection is then still intact.
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

/** Parts of the messages of OpenSSL and Node for a failed TLS handshake or an untrusted certificate. */
const TLS_WORDS =
  /certificate|self[- ]signed|altname|SSL routines|TLSV1|ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_VERIFY|secure TLS connection/i;
const RESOLUTION_WORDS = /name resolution|ENOTFOUND|EAI_AGAIN|ENODATA/i;

/** Classifies a failed connection attempt by the error text of grpc-js and Node. */
export function faultOfFailedAttempt(detail: string): TransportFault {
  if (RESOLUTION_WORDS.test(detail)) return { tag: 'name-resolution', detail };
  return { tag: TLS_WORDS.test(detail) ? 'tls' : 'connect-failed', detail };
}

/** The details that grpc-js 1.14 derives from RST_STREAM codes (subchannel-call.ts), for the codes that are faults. */
const RESET_WORDS: ReadonlyMap<string, TransportFault['tag']> = new Map([
  ['Stream refused by server', 'refused-stream'],
  ['Bandwidth exhausted or memory limit exceeded', 'rapid-reset'],
]);

/**
 * Returns the fault that the status of a call reveals while its connection continues. Returns undefined for a status
 * that the server sent, and for a stream that was reset alone.
 */
export function faultOfStatus({ code, details, metadata }: StatusObject): TransportFault | undefined {
  const tag = RESET_WORDS.get(details);
  const isRefusal = code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED;
  if (tag === undefined || !isRefusal || wasSent(metadata)) return undefined;
  return { tag, detail: details };
}

/**
 * True when the server sent the status. For a trailers-only response the metadata contains at least the content type;
 * the metadata of a status that grpc-js created locally is empty.
 */
export function wasSent(metadata: Metadata): boolean {
  return Object.keys(metadata.getMap()).length > 0;
}
