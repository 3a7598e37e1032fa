import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type ChannelCredentials,
  type Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Controls how the server answers; `proto/echo.proto` describes each field. All fields are optional. */
export interface EchoRequest {
  payload?: Buffer;
  delayMs?: number;
  hang?: boolean;
  statusCode?: number;
  statusDetails?: string;
  responseBytes?: number;
  responseCount?: number;
  sendInitialMetadata?: boolean;
  echoMetadata?: readonly string[];
  describe?: boolean;
  echoTrailers?: readonly string[];
}

/** Answers a request. */
export interface EchoResponse {
  payload: Buffer;
  sequence: number;
  receivedMessages: number;
  receivedBytes: number;
  metadata: Record<string, string>;
  /** Null unless the request sets `describe`. */
  details: EchoDetails | null;
}

/** A call from the view of the server. */
export interface EchoDetails {
  peer: string;
  serverPid: number;
  deadlineMs: number;
}

/** The callback of a call with one response. */
export type EchoCallback = (error: ServiceError | null, response?: EchoResponse) => void;

/** Calls the Echo service; made by {@link loadEchoPackage}. */
export interface EchoClient extends Client {
  unary(request: EchoRequest, callback: EchoCallback): ClientUnaryCall;
  unary(request: EchoRequest, metadata: Metadata, callback: EchoCallback): ClientUnaryCall;
  unary(request: EchoRequest, options: CallOptions, callback: EchoCallback): ClientUnaryCall;
  unary(request: EchoRequest, metadata: Metadata, options: CallOptions, callback: EchoCallback): ClientUnaryCall;
  serverStream(request: EchoRequest, options?: CallOptions): ClientReadableStream<EchoResponse>;
  serverStream(request: EchoRequest, metadata: Metadata, options?: CallOptions): ClientReadableStream<EchoResponse>;
  clientStream(callback: EchoCallback): ClientWritableStream<EchoRequest>;
  clientStream(metadata: Metadata, callback: EchoCallback): ClientWritableStream<EchoRequest>;
  clientStream(options: CallOptions, callback: EchoCallback): ClientWritableStream<EchoRequest>;
  clientStream(metadata: Metadata, options: CallOptions, callback: EchoCallback): ClientWritableStream<EchoRequest>;
  bidi(options?: CallOptions): ClientDuplexStream<EchoRequest, EchoResponse>;
  bidi(metadata: Metadata, options?: CallOptions): ClientDuplexStream<EchoRequest, EchoResponse>;
}

/** The four methods as grpc-js defines them. A type, not an interface: it must fit grpc-js's index signature. */
export type EchoServiceDefinition = {
  Unary: MethodDefinition<EchoRequest, EchoResponse>;
  ServerStream: MethodDefinition<EchoRequest, EchoResponse>;
  ClientStream: MethodDefinition<EchoRequest, EchoResponse>;
  Bidi: MethodDefinition<EchoRequest, EchoResponse>;
};

/** The client class, as proto-loader makes it. */
export interface EchoClientConstructor {
  new (address: string, credentials: ChannelCredentials, options?: ClientOptions): EchoClient;
  readonly service: EchoServiceDefinition;
  readonly serviceName: string;
}

/** The definitions in `proto/echo.proto`. */
export interface EchoPackage {
  readonly EchoClient: EchoClientConstructor;
  readonly service: EchoServiceDefinition;
}

/** Path of `echo.proto`; the same from `src` as from `dist`. */
export const echoProtoPath = fileURLToPath(new URL('../../proto/echo.proto', import.meta.url));

let loaded: EchoPackage | undefined;

/** Loads the Echo service with proto-loader, once a process. */
export function loadEchoPackage(): EchoPackage {
  loaded ??= load();
  return loaded;
}

function load(): EchoPackage {
  // Defaults fill every field but the two `optional` ones, which stay undefined when they were not sent.
  const definition = loadSync(echoProtoPath, { longs: Number, defaults: true, arrays: true, objects: true });
  const root = loadPackageDefinition(definition) as unknown as {
    manifold: { testing: { v1: { Echo: EchoClientConstructor } } };
  };
  const EchoClient = root.manifold.testing.v1.Echo;
  return { EchoClient, service: EchoClient.service };
}
