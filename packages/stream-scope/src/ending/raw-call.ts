import { inspect } from 'node:util';
import type { Readable, Writable } from 'node:stream';

/** A stream of grpc-js that is read. */
export type RawReadable = Readable & { cancel(): void };
/** A stream of grpc-js that is written. */
export type RawWritable = Writable & { cancel(): void };
/** Any stream of grpc-js. */
export type RawCall = RawReadable | RawWritable;

/** True where messages come in. */
export function isReadable(call: unknown): call is RawReadable {
  return isCall(call) && hasMethods(call, ['read', 'push', 'destroy']);
}

/** True where messages go out. */
export function isWritable(call: unknown): call is RawWritable {
  return isCall(call) && hasMethods(call, ['write', 'end', 'destroy']);
}

/** Says what was given instead of a stream. */
export function describeCall(call: unknown): string {
  if (isWritable(call)) return 'a client-streaming call, which scopedUpload() takes';
  if (isReadable(call)) return 'a stream that is read';
  if (isCall(call)) return 'a unary call';
  return inspect(call, { depth: 0 });
}

function isCall(call: unknown): call is object {
  return typeof call === 'object' && call !== null && hasMethods(call, ['cancel', 'on', 'removeListener']);
}

function hasMethods(object: object, names: readonly string[]): boolean {
  return names.every((name) => typeof (object as Record<string, unknown>)[name] === 'function');
}
