import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/**
 * Finds the HTTP/2 session that speaks on a socket. Node keeps it on the socket itself, under a key of its own that
 * differs between versions (20 to 26: measured), so it is found by what it is. Undefined when there is none, or when a
 * Node keeps it elsewhere: the pool then does without.
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
