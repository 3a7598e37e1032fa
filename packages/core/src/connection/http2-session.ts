import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/**
 * Finds the HTTP/2 session of a socket. Node stores the session on the socket under an internal key that differs
 * between versions (measured on Node 20 to 26), so the session is recognized by its methods. Returns undefined when
 * there is no session or when a version of Node stores it elsewhere; the pool then works without session state.
 */
export function sessionOf(socket: Socket): ClientHttp2Session | undefined {
  for (const key of Reflect.ownKeys(socket)) {
    const value: unknown = Reflect.getOwnPropertyDescriptor(socket, key)?.value;
    if (isSession(value)) return value;
  }
  return undefined;
}

function isSession(value: unknown): value is ClientHttp2Session {
  return (
    typeof value === 'object' &&
    value !== null &&
    'remoteSettings' in value &&
    typeof (value as { settings?: unknown }).settings === 'function' &&
    typeof (value as { ping?: unknown }).ping === 'function'
  );
}
