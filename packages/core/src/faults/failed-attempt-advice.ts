import type { ChannelCredentials } from '@grpc/grpc-js';
import type { TransportFault } from './fault.js';

/** The error of a TLS client on a plaintext server: OpenSSL parses the first bytes of the response as a TLS record. */
const NO_TLS_RECORD = /SSL routines.*(wrong version number|packet length too long|record layer failure)/is;
/** The error of a TLS client when a plaintext server closes the connection at once. */
const CLOSED_IN_HANDSHAKE = /before secure TLS connection was established/i;
/** The error of grpc-js 1.14 (transport.ts) for a session that ended before the SETTINGS of the server arrived. */
const CLOSED_AT_ONCE = /Failed to connect|read ECONNRESET|write EPIPE/i;
/** The error of nghttp2 for a response that is not HTTP/2. */
const NO_HTTP2 = /Protocol error/i;

/**
 * Adds advice to the fault of a failed connection attempt when probably only one of the two ends uses TLS. The text of
 * grpc-js stays in front of it, without an empty resolution note.
 */
export function withAdvice(fault: TransportFault, credentials: ChannelCredentials): TransportFault {
  const advice = adviceFor(fault, isSecure(credentials));
  if (advice === undefined) return fault;
  const detail = fault.detail.replace(/\s*Resolution note:\s*$/, '').replace(/\s*\.?\s*$/, '');
  return { tag: fault.tag, detail: `${detail}. ${advice}` };
}

function adviceFor({ tag, detail }: TransportFault, secure: boolean | undefined): string | undefined {
  if (secure === undefined || (tag !== 'tls' && tag !== 'connect-failed')) return undefined;
  if (secure) {
    if (NO_TLS_RECORD.test(detail)) {
      return 'The server does not speak TLS on this port: use credentials.createInsecure(), or its port for TLS';
    }
    if (CLOSED_IN_HANDSHAKE.test(detail)) return 'If the server does not speak TLS, use credentials.createInsecure()';
    return undefined;
  }
  if (CLOSED_AT_ONCE.test(detail)) {
    return 'The other end closed the connection before HTTP/2 began: if it speaks TLS, use credentials.createSsl()';
  }
  if (NO_HTTP2.test(detail)) {
    return 'What answers on this port is not HTTP/2: if it speaks TLS, use credentials.createSsl()';
  }
  return undefined;
}

/**
 * `_isSecure` is not part of grpc-js's documented API (1.14.7, channel-credentials.ts). Without it there is no advice.
 */
function isSecure(credentials: ChannelCredentials): boolean | undefined {
  const ask: unknown = Reflect.get(credentials, '_isSecure');
  if (typeof ask !== 'function') return undefined;
  return Reflect.apply(ask, credentials, []) === true;
}
