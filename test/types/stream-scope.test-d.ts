import type {
  ClientDuplexStream,
  ClientReadableStream,
  ClientUnaryCall,
  ClientWritableStream,
  Metadata,
  ServiceError,
  StatusObject,
} from '@grpc/grpc-js';
import type { StreamLimitError } from '@grpc-manifold/stream-scope';
import {
  scoped,
  scopedUpload,
  StreamScope,
  type OpenStream,
  type ScopedDuplex,
  type ScopedReadable,
  type ScopedUpload,
  type ScopeOptions,
} from '@grpc-manifold/stream-scope';
import type { Equal, Expect } from './expect.js';

interface Question {
  readonly text: string;
}
interface Answer {
  readonly score: number;
}

declare const chat: ClientDuplexStream<Question, Answer>;
declare const watch: ClientReadableStream<Answer>;
declare const unary: ClientUnaryCall;
declare function upload(
  callback: (error: ServiceError | null, answer?: Answer) => void,
): ClientWritableStream<Question>;

const duplex = scoped(chat);
const readable = scoped(watch, { onDispose: 'drain', drainTimeoutMs: 100, maxDrainMessages: 5 });
const written = scopedUpload((callback: (error: ServiceError | null, answer?: Answer) => void) => upload(callback));
const typed = scopedUpload<Question, Answer>(upload);

async function scope(signal: AbortSignal): Promise<Answer> {
  using one = scoped(watch, { signal, idleTimeoutMs: 10, maxLifetimeMs: Infinity, captureStack: 'sampled' });
  await using two = scoped(chat);
  await using sending = scopedUpload<Question, Answer>(upload);
  await two.write({ text: 'hello' });
  for await (const { score } of one) void (score satisfies number);
  for await (const answer of two) if (answer.score > 5) return answer;
  await two.finish();
  await sending.write({ text: 'hello' });
  return await sending.finish();
}
void scope;

// @ts-expect-error nothing can be written to a server stream
void readable.write({ text: '' });
// @ts-expect-error another message
void duplex.write({ score: 1 });
// @ts-expect-error an upload is not read
void written[Symbol.asyncIterator];
// @ts-expect-error a unary call is no stream
scoped(unary);
// @ts-expect-error an upload has a callback: scopedUpload
scoped(upload(() => undefined));
// @ts-expect-error a stream has one owner
scoped(duplex);
// @ts-expect-error an option that there is not
scoped(watch, { timeoutMs: 5 });
// @ts-expect-error a way to dispose that there is not
scoped(watch, { onDispose: 'close' });
// @ts-expect-error options are read once
const _frozen = ((options: ScopeOptions) => (options.maxLifetimeMs = 3))({});

async function group(): Promise<void> {
  await using streams = new StreamScope({ maxOpenStreams: 10, onDispose: 'drain' });
  using nested = streams.add(new StreamScope());
  const added = [nested.add(chat), streams.add(watch, { maxLifetimeMs: 5 }), streams.add(typed)] as const;
  added satisfies readonly [ScopedDuplex<Question, Answer>, ScopedReadable<Answer>, ScopedUpload<Question, Answer>];
  // @ts-expect-error a stream that was scoped has its options
  streams.add(duplex, { maxLifetimeMs: 5 });
  // @ts-expect-error a unary call is no stream
  streams.add(unary);
  // @ts-expect-error a snapshot
  streams.openStreams.length = 0;
}
void group;

export type Checks = [
  Expect<Equal<typeof duplex, ScopedDuplex<Question, Answer>>>,
  Expect<Equal<typeof readable, ScopedReadable<Answer>>>,
  Expect<Equal<typeof written, ScopedUpload<Question, Answer>>>,
  Expect<Equal<typeof typed, ScopedUpload<Question, Answer>>>,
  Expect<Equal<ReturnType<typeof duplex.finish>, Promise<void>>>,
  Expect<Equal<ReturnType<typeof written.finish>, Promise<Answer>>>,
  Expect<Equal<typeof readable.status, Promise<StatusObject>>>,
  Expect<Equal<typeof readable.headers, Promise<Metadata>>>,
  Expect<Equal<StreamScope['openStreams'], readonly OpenStream[]>>,
  Expect<Equal<StreamLimitError['limit'], 'idleTimeoutMs' | 'maxLifetimeMs'>>,
  Expect<Equal<StreamLimitError extends ServiceError ? true : false, true>>,
];
