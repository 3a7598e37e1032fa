import { inspect } from 'node:util';

/**
 * Explains why a serialized message cannot be sent; undefined when it can. When the serializer returns something other
 * than a Buffer, grpc-js sends nothing or sends garbage.
 */
export function unsendable(message: unknown): string | undefined {
  if (Buffer.isBuffer(message)) return undefined;
  return `Request message serialization failure: the serializer must make a Buffer, got ${inspect(message, { depth: 0, maxArrayLength: 3, maxStringLength: 30 })}`;
}
