import { loadEchoPackage, type EchoRequest } from '@grpc-manifold/testing';

/** The four kinds of call. */
export const KINDS = ['unary', 'server-stream', 'client-stream', 'bidi'] as const;

/** One of the four kinds of call. */
export type Kind = (typeof KINDS)[number];

const { service } = loadEchoPackage();

/** The method of the Echo service that is of this kind. */
export function methodOf(kind: Kind): string {
  const methods = {
    unary: service.Unary,
    'server-stream': service.ServerStream,
    'client-stream': service.ClientStream,
    bidi: service.Bidi,
  };
  return methods[kind].path;
}

/** The bytes of a request. */
export function serialized(request: EchoRequest): Buffer {
  return service.Unary.requestSerialize(request);
}

/** True where the caller gets its outcome by a callback, not by the events of a stream. */
export function answersByCallback(kind: Kind): boolean {
  return kind === 'unary' || kind === 'client-stream';
}
