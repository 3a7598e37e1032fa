import type { ChannelCredentials } from '@grpc/grpc-js';
import type { TransportFault } from './fault.js';

/** What a client with TLS reads where a server without it answers: OpenSSL takes its first bytes for a record. */
const NO_TLS_RECORD = /SSL routines.*(wrong version number|packet length too long|record layer failure)/is;
/** A server without TLS may also close at once what it does not understand. */
const CLOSED_IN_HANDSHAKE = /before secure TLS connection was established/i;
/** grpc-js 1.14 (transport.ts): the session ended before the server's SETTINGS. */
const CLOSED_AT_ONCE = /Failed to connect|read ECONNRESET|write EPIPE/i;
/** nghttp2, where what comes in is no HTTP/2. */
const NO_HTTP2 = /Protocol error/i;

/**
 * Adds what to do to a fault of a connection that could not be made, where it looks as if one end spoke TLS and the
 * other did not. The words of grpc-js stay as they are, but for a note that is empty.
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
 * `_isSecure` is not part of grpc-js's documented API (1.14.7, channel-credentials.ts): without it nothing is advised.
 */
function isSecure(credentials: ChannelCredentials): boolean | undefined {
  const ask: unknown = Reflect.get(credentials, '_isSecure');
  if (typeof ask !== 'function') return undefined;
  return Reflect.apply(ask, credentials, []) === true;
}
