import {
  makeGenericClientConstructor,
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';

/** The full name of the one method, as it goes over the wire. */
export const BYTES_PATH = '/bench.Bytes/Send';

/** Called once with how the call ended. */
export type Done = (error: ServiceError | null) => void;

/** A client class as code generators make them; its messages are plain bytes, so that no protobuf is measured. */
export interface BytesClient extends Client {
  send(request: Buffer, options: CallOptions, done: Done): ClientUnaryCall;
}

/** Builds {@link BytesClient}s. */
export const BytesClient = makeGenericClientConstructor(
  {
    send: {
      path: BYTES_PATH,
      requestStream: false,
      responseStream: false,
      // A copy, because a real serializer makes a new buffer for every call, and what is queued holds on to it.
      requestSerialize: (request: Buffer) => Buffer.from(request),
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (response: Buffer) => response,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  },
  'Bytes',
) as unknown as new (address: string, credentials: ChannelCredentials, options?: ClientOptions) => BytesClient;
