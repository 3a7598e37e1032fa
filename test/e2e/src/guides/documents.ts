/** What the examples of all documents leave to their readers: their own client, server and functions. */
export const COMMON = `
type Echo = import('@grpc-manifold/testing').EchoClient;
type EchoRequest = import('@grpc-manifold/testing').EchoRequest;
type EchoResponse = import('@grpc-manifold/testing').EchoResponse;
type Metadata = import('@grpc/grpc-js').Metadata;
declare const Metadata: typeof import('@grpc/grpc-js').Metadata;
declare const credentials: typeof import('@grpc/grpc-js').credentials;
declare const monitorEventLoopDelay: typeof import('node:perf_hooks').monitorEventLoopDelay;
declare const EchoClient: ReturnType<typeof import('@grpc-manifold/testing').loadEchoPackage>['EchoClient'];
declare const client: Echo;
declare const pool: ChannelPool;
declare const queue: BoundedQueueInterceptor;
declare const breaker: CircuitBreakerInterceptor;
declare const target: string;
declare const payload: Buffer;
declare const rootCerts: Buffer;
declare const pieces: Buffer[];
declare const heard: string[];
declare const shed: string[];
declare const topic: string;
declare const signal: AbortSignal;
declare const request: { readonly signal: AbortSignal };
declare const audit: import('@grpc/grpc-js').Interceptor;
declare const trace: import('@grpc/grpc-js').Interceptor;
declare const telemetry: import('@grpc/grpc-js').Interceptor;
declare const authorize: import('@grpc/grpc-js').Interceptor;
declare function answer(...all: unknown[]): void;
declare function report(what: unknown): void;
declare function log(what: string): void;
declare function count(what: string): void;
declare function fallBack(what: string): void;
declare function currentToken(): string;
declare function unary(client: Echo, request: EchoRequest): Promise<EchoResponse>;
declare class Library {
  readonly client: Echo;
  constructor(options: { target: string; grpcOptions: import('@grpc/grpc-js').ClientOptions });
}
interface Tenant {
  readonly name: string;
  readonly target: string;
  readonly credentials: import('@grpc/grpc-js').ChannelCredentials;
}
`;

type Names = Readonly<Record<string, string>>;

const callback = (response: string): string =>
  `(error: import('@grpc/grpc-js').ServiceError | null, reply?: ${response}) => void`;
const CLIENT = 'import("@grpc/grpc-js").Client';

/** What single documents leave to their readers instead, by its name; the type of each. */
export const OWN: Readonly<Record<string, Names>> = {
  'README.md': {
    greeter: 'import("./generated/greeter.js").ProtoGrpcType["greeter"]',
    shop: `{ Orders: new (...args: ConstructorParameters<typeof ${CLIENT}>) => ${CLIENT} }`,
    client: 'PooledClient<import("./generated/greeter.js").Greeter>',
  },
  'docs/guides/writing-a-policy.md': { replaceSilent: '(silentTimeoutMs: number) => ConnectionPolicy' },
  'packages/core/README.md': {
    client: `${CLIENT} & { echo(request: object, done: ${callback('object')}): void }`,
    request: 'object',
  },
  'packages/stream-scope/README.md': {
    Chunk: '{ chunk: Buffer }',
    Receipt: '{ bytes: number }',
    client: `${CLIENT} & {
      watch(request: { topic: string }): import('@grpc/grpc-js').ClientReadableStream<{ isLast: boolean }>;
      upload(done: ${callback('{ bytes: number }')}): import('@grpc/grpc-js').ClientWritableStream<{ chunk: Buffer }>;
      chat(): import('@grpc/grpc-js').ClientDuplexStream<{ text: string }, { text: string }>;
    }`,
    file: 'AsyncIterable<Buffer>',
    log: 'Console',
  },
};

/** What proto-loader-gen-types and grpc-js make of a service for greetings. */
export const GENERATED = `
import type { Client, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
export declare class Greeter extends Client {
  sayHello(request: { name: string }, done: (error: ServiceError | null, reply?: { text: string }) => void): void;
  follow(request: { topic: string }): ClientReadableStream<{ isLast: boolean }>;
}
export interface ProtoGrpcType {
  greeter: { Greeter: typeof Greeter };
}
`;
