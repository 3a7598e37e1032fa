import { addAbortSignal, PassThrough, pipeline, Readable, Writable, type Duplex } from 'node:stream';
import { pipeline as finish } from 'node:stream/promises';
import {
  credentials,
  InterceptingCall,
  status,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientWritableStream,
  type Interceptor,
  type StatusObject,
} from '@grpc/grpc-js';
import {
  collectGarbage,
  loadEchoPackage,
  startEchoServer,
  type EchoClient,
  type EchoRequest,
  type EchoResponse,
  type EchoServer,
  type EchoServerStats,
} from '@grpc-manifold/testing';
import {
  boundedQueue,
  ChannelPool,
  createPooledClient,
  openStreams,
  repool,
  scoped,
  watchStreams,
  type StreamAlarm,
} from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { quiet } from '../calls/quiet-server.js';

const { EchoClient: Echo } = loadEchoPackage();
const METHODS = { 'server-stream': 'ServerStream', 'client-stream': 'ClientStream', bidi: 'Bidi' } as const;
const PACKAGE = '/manifold.testing.v1.Echo/';

type Kind = keyof typeof METHODS;
/** What the streams of grpc-js have in common, as far as the roads out of them need it. */
type AnyStream = Readable & Writable & { cancel(): void };

interface Opened {
  readonly stream: AnyStream;
  readonly status: Promise<StatusObject>;
}

let server: EchoServer;
let before: EchoServerStats;
const uncaught: unknown[] = [];
const noteUncaught = (error: unknown): number => uncaught.push(error);
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  server = await startEchoServer();
  process.on('uncaughtExceptionMonitor', noteUncaught);
});

beforeEach(async () => {
  before = await quiet(server);
});

afterEach(async () => {
  for (const made of opened.splice(0)) await made[Symbol.asyncDispose]();
  expect(openStreams()).toEqual([]);
  expect(uncaught.splice(0)).toEqual([]);
});

afterAll(async () => {
  process.off('uncaughtExceptionMonitor', noteUncaught);
  await server[Symbol.asyncDispose]();
});

const insecure = credentials.createInsecure();

function poolOf(): ChannelPool {
  const pool = new ChannelPool(server.target, insecure, { onDispose: 'cancel' });
  opened.push(pool);
  return pool;
}

/** The clients that are pooled, by how they were made. */
const CLIENTS: Readonly<Record<string, () => EchoClient>> = {
  'that owns its pool': () => {
    const client = createPooledClient(Echo, server.target, insecure, { onDispose: 'cancel' });
    opened.push(client);
    return client;
  },
  'over a shared pool': () => createPooledClient(Echo, poolOf()),
  'that was made anew over a pool': () => {
    using first = Object.assign(new Echo(server.target, insecure), {
      [Symbol.dispose](this: EchoClient) {
        this.close();
      },
    });
    return repool<EchoClient>(first, poolOf());
  },
};
const owner = (): EchoClient => CLIENTS['that owns its pool']!();

/** Opens a stream that answers twice where it answers, and never ends. */
function open(client: EchoClient, kind: Kind, request: EchoRequest = { responseCount: 2, hang: true }): Opened {
  const stream = openRaw(client, kind, request);
  return { stream, status: new Promise((resolve) => stream.on('status', resolve)) };
}

function openRaw(client: EchoClient, kind: Kind, request: EchoRequest): AnyStream {
  if (kind === 'server-stream') return client.serverStream(request) as never;
  const stream: ClientWritableStream<EchoRequest> | ClientDuplexStream<EchoRequest, EchoResponse> =
    kind === 'bidi' ? client.bidi() : client.clientStream(() => {});
  stream.write(request);
  return stream as never;
}

/** Every way to leave a stream without cancelling it. */
const ROADS: Readonly<Record<string, { kinds: readonly Kind[]; leave(stream: AnyStream): unknown }>> = {
  break: {
    kinds: ['server-stream', 'bidi'],
    async leave(stream) {
      for await (const _ of stream) break;
    },
  },
  return: {
    kinds: ['server-stream', 'bidi'],
    leave: (stream) =>
      (async () => {
        for await (const message of stream) return message as unknown;
        return undefined;
      })(),
  },
  throw: {
    kinds: ['server-stream', 'bidi'],
    async leave(stream) {
      const reading = (async () => {
        for await (const _ of stream) throw new Error('enough');
      })();
      await expect(reading).rejects.toThrow('enough');
    },
  },
  'destroy()': {
    kinds: ['server-stream', 'client-stream', 'bidi'],
    leave: (stream) => stream.destroy(),
  },
  'destroy(error)': {
    kinds: ['server-stream', 'client-stream', 'bidi'],
    leave(stream) {
      stream.once('error', () => {});
      stream.destroy(new Error('enough'));
    },
  },
  'a pipeline out of it that fails': {
    kinds: ['server-stream', 'bidi'],
    leave: (stream) =>
      new Promise<void>((resolve) => {
        const sink = new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done(new Error('full')) });
        pipeline(stream, sink, () => resolve());
      }),
  },
  'a pipeline into it that fails': {
    kinds: ['client-stream', 'bidi'],
    leave: (stream) =>
      new Promise<void>((resolve) => {
        const source = new PassThrough({ objectMode: true });
        pipeline(source, stream, () => resolve());
        source.write({ hang: true });
        source.destroy(new Error('no more'));
      }),
  },
  'its async disposal': {
    kinds: ['server-stream', 'bidi'],
    leave: (stream) => stream[Symbol.asyncDispose](),
  },
  'a write after its end': {
    kinds: ['client-stream', 'bidi'],
    leave(stream) {
      stream.once('error', () => {});
      stream.end({});
      stream.write({});
    },
  },
  'an abort signal': {
    kinds: ['server-stream', 'client-stream', 'bidi'],
    leave(stream) {
      const controller = new AbortController();
      stream.once('error', () => {});
      addAbortSignal(controller.signal, stream);
      controller.abort();
    },
  },
};

const table = Object.entries(ROADS).flatMap(([road, { kinds, leave }]) => kinds.map((kind) => ({ road, kind, leave })));

describe('a stream of a pooled client, without a scope', () => {
  it.each(table)('is cancelled once when a $kind is left by $road', async ({ kind, leave }) => {
    const { stream, status: ended } = open(owner(), kind);
    await server.waitFor((now) => now.openCalls === 1);
    await leave(stream);
    expect((await ended).code).toBe(status.CANCELLED);
    expect(openStreams()).toEqual([]);
    const after = await server.waitFor((now) => now.openCalls === 0);
    expect(after.cancelledCalls - before.cancelledCalls).toBe(1);
  });

  it.each(Object.entries(CLIENTS))('is cancelled when it is destroyed, by a client %s', async (_, make) => {
    const client = make();
    const streams = (['server-stream', 'client-stream', 'bidi'] as const).map((kind) => open(client, kind));
    await server.waitFor((now) => now.openCalls === 3);
    for (const { stream } of streams) stream.destroy();
    for (const { status: ended } of streams) expect((await ended).code).toBe(status.CANCELLED);
    await server.waitFor((now) => now.cancelledCalls - before.cancelledCalls === 3);
    client.close();
  });

  it('leaves no listener of its own behind', async () => {
    const { stream, status: ended } = open(owner(), 'bidi');
    stream.destroy();
    await ended;
    stream.removeAllListeners('status');
    expect(stream.eventNames()).not.toContain('status');
    expect([stream.listenerCount('close'), stream.listenerCount('error')]).toEqual([0, 0]);
  });

  it('is not cancelled when it is read to its end', async () => {
    const client = owner();
    const [read, talk] = [client.serverStream({ responseCount: 3 }), client.bidi()];
    talk.write({});
    talk.end();
    const messages: unknown[] = [];
    for await (const message of read) messages.push(message);
    for await (const message of talk) messages.push(message);
    const response = await new Promise<EchoResponse | undefined>((resolve, reject) => {
      const upload = client.clientStream((error, answer) => (error ? reject(error) : resolve(answer)));
      upload.write({ delayMs: 50 });
      upload.end({});
    });
    expect(messages).toHaveLength(4);
    expect(response?.receivedMessages).toBe(2);
    expect(openStreams()).toEqual([]);
    const after = await server.waitFor((now) => now.finishedCalls - before.finishedCalls === 3);
    expect(after.cancelledCalls).toBe(before.cancelledCalls);
  });

  it('is not cancelled by pipelines that come to their end', async () => {
    const client = owner();
    const sizes: number[] = [];
    const sink = () =>
      new Writable({ objectMode: true, write: (_message, _encoding, done) => (sizes.push(1), done()) });
    await finish(client.serverStream({ responseCount: 40 }), sink());
    await finish(Readable.from(Array.from({ length: 40 }, () => ({}))), client.bidi() as unknown as Duplex, sink());
    await new Promise<void>((resolve, reject) => {
      const upload = client.clientStream((error) => (error ? reject(error) : resolve()));
      finish(Readable.from([{}, {}, {}]), upload as Writable).catch(reject);
    });
    expect(sizes).toHaveLength(80);
    expect(openStreams()).toEqual([]);
    const after = await server.waitFor((now) => now.finishedCalls - before.finishedCalls === 3);
    expect(after.cancelledCalls).toBe(before.cancelledCalls);
  });

  it('hands an error of the server to whom listens, and to whom iterates', async () => {
    const client = owner();
    const failing = { statusCode: status.FAILED_PRECONDITION };
    const heard = await new Promise((resolve) => client.serverStream(failing).on('error', resolve).resume());
    expect(heard).toMatchObject({ code: status.FAILED_PRECONDITION });
    const iterate = async (): Promise<void> => {
      for await (const _ of client.serverStream(failing)) expect.unreachable();
    };
    await expect(iterate()).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  it('tells a listener of its errors that it was cancelled', async () => {
    const { stream, status: ended } = open(owner(), 'server-stream');
    const errors: unknown[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.destroy();
    await ended;
    expect(errors).toEqual([expect.objectContaining({ code: status.CANCELLED })]);
  });

  it('gives its place in the waiting room free when it is destroyed there', async () => {
    const pool = new ChannelPool(server.target, insecure, { maxChannels: 1, maxStreamsPerChannel: 1 });
    opened.push(pool);
    const client = createPooledClient(Echo, pool);
    const first = open(client, 'server-stream');
    await server.waitFor((now) => now.openCalls === 1);
    const second = open(client, 'bidi');
    expect(pool.stats().queuedCalls).toBe(1);
    second.stream.destroy();
    await second.status;
    expect(pool.stats().queuedCalls).toBe(0);
    first.stream.destroy();
    await first.status;
    const after = await server.waitFor((now) => now.openCalls === 0);
    expect(after.startedCalls - before.startedCalls).toBe(1);
  });
});

describe('openStreams() of a pooled client', () => {
  it('tells method, kind, messages each way and the line that opened it', async () => {
    const { stream, status: ended } = open(owner(), 'bidi', { responseCount: 3, hang: true });
    let received = 0;
    await new Promise<void>((resolve) => stream.on('data', () => (received += 1) === 3 && resolve()));
    expect(openStreams()).toEqual([
      expect.objectContaining({
        method: `${PACKAGE}Bidi`,
        kind: 'bidi',
        sentMessages: 1,
        receivedMessages: 3,
        openedAt: expect.stringMatching(/pooled-streams\.test\.ts/),
      }),
    ]);
    stream.destroy();
    await ended;
  });

  it('knows each kind of stream, and no unary call', async () => {
    const client = owner();
    const unary = client.unary({ delayMs: 100 }, () => {});
    const listeners = unary.eventNames();
    const streams = (['server-stream', 'client-stream', 'bidi'] as const).map((kind) => open(client, kind));
    expect(openStreams().map(({ method, kind }) => [method.slice(PACKAGE.length), kind])).toEqual([
      ['ServerStream', 'server-stream'],
      ['ClientStream', 'client-stream'],
      ['Bidi', 'bidi'],
    ]);
    expect(listeners).toEqual([]);
    unary.cancel();
    for (const { stream } of streams) stream.destroy();
    await Promise.all(streams.map((each) => each.status));
  });

  it('counts a message once that waited for a slot above the pool', async () => {
    using queue = boundedQueue({ limit: 1 });
    const client = createPooledClient(Echo, server.target, insecure, { interceptors: [queue] });
    opened.push(client);
    const first = open(client, 'bidi');
    const second = open(client, 'bidi');
    expect(queue.stats().queuedCalls).toBe(1);
    first.stream.destroy();
    await first.status;
    await new Promise((resolve) => second.stream.once('data', resolve));
    expect(openStreams()).toEqual([expect.objectContaining({ sentMessages: 1 })]);
    second.stream.destroy();
    await second.status;
  });

  it('asks the transformer of the user as well, given or copied', async () => {
    const asked: string[] = [];
    const note =
      (name: string): NonNullable<ClientOptions['callInvocationTransformer']> =>
      (properties) => {
        asked.push(name);
        return properties;
      };
    const given = createPooledClient(Echo, poolOf(), { callInvocationTransformer: note('given') });
    const plain = new Echo(server.target, insecure, { callInvocationTransformer: note('copied') });
    const copied = repool<EchoClient>(plain, poolOf());
    const replaced = repool<EchoClient>(plain, poolOf(), { callInvocationTransformer: note('replaced') });
    const twice = repool<EchoClient>(given, poolOf());
    plain.close();
    const streams = [given, copied, replaced, twice].map((client) => open(client, 'server-stream'));
    expect(asked).toEqual(['given', 'copied', 'replaced', 'given']);
    expect(openStreams()).toHaveLength(4);
    for (const { stream } of streams) stream.destroy();
    await Promise.all(streams.map((each) => each.status));
  });

  it('leaves interceptors their places', async () => {
    const seen: string[] = [];
    const note: Interceptor = (options, nextCall) => {
      seen.push(options.method_definition.path);
      return nextCall(options) as never;
    };
    const client = createPooledClient(Echo, server.target, insecure, { interceptors: [note] });
    opened.push(client);
    for await (const _ of client.serverStream({}));
    for await (const _ of client.serverStream({}, { interceptor_providers: [() => note] }));
    expect(seen).toEqual([`${PACKAGE}ServerStream`, `${PACKAGE}ServerStream`]);
  });

  it('forgets a stream that an interceptor has kept from starting', async () => {
    const refuse: Interceptor = (options, nextCall) =>
      new InterceptingCall(nextCall(options), {
        start() {
          throw new Error('not today');
        },
      });
    const client = owner();
    expect(() => client.serverStream({}, { interceptors: [refuse] })).toThrow('not today');
    expect(await collectGarbage(() => openStreams().length === 0)).toBe(true);
  });

  it('is empty again after ten thousand streams', async () => {
    const client = owner();
    let most = 0;
    for (let round = 0; round < 100; round += 1) {
      const streams = Array.from({ length: 100 }, (_, index): ClientReadableStream<EchoResponse> | undefined => {
        // One in ten is left, the others are read to their end.
        const stream = client.serverStream({ hang: index % 10 === 0 });
        if (index % 10 === 0) stream.destroy();
        return stream;
      });
      most = Math.max(most, openStreams().length);
      await Promise.all(
        streams.map((stream) => new Promise((resolve) => stream?.on('status', resolve).on('data', () => {}))),
      );
    }
    expect(most).toBe(100);
    expect(openStreams()).toEqual([]);
  });
});

describe('a stream of a pooled client that is scoped', () => {
  it('is listed and counted once, and cancelled once', async () => {
    const client = owner();
    const stream = scoped(client.bidi(), { captureStack: true });
    await stream.write({ responseCount: 2, hang: true });
    let received = 0;
    for await (const _ of stream) if ((received += 1) === 2) break;
    expect(received).toBe(2);
    expect((await stream.status).code).toBe(status.CANCELLED);
    const after = await server.waitFor((now) => now.openCalls === 0 && now.cancelledCalls > before.cancelledCalls);
    expect(after.cancelledCalls - before.cancelledCalls).toBe(1);
  });

  it('tells its messages and its line once it is asked to', async () => {
    const client = owner();
    // Until the sample of this second is used up.
    const others = Array.from({ length: 150 }, () => open(client, 'server-stream'));
    const call = client.bidi();
    const stream = scoped(call, { captureStack: true });
    await stream.write({ responseCount: 2, hang: true });
    await new Promise((resolve) => call.on('data', resolve));
    const listed = openStreams();
    expect(listed).toHaveLength(151);
    expect(listed.at(-1)).toMatchObject({
      kind: 'bidi',
      sentMessages: 1,
      receivedMessages: expect.toSatisfy((count: number) => count === 1 || count === 2),
      openedAt: expect.stringContaining('pooled-streams.test.ts'),
    });
    stream.cancel();
    for (const other of others) other.stream.destroy();
    await Promise.all([stream.status, ...others.map((other) => other.status)]);
  });
});

describe('watchStreams() of a pooled client', () => {
  it('tells of a stream that is too old, and can cancel it', async () => {
    const alarms: StreamAlarm[] = [];
    const { stream, status: ended } = open(owner(), 'client-stream');
    using _watch = watchStreams({
      maxAgeMs: 20,
      onAlarm(alarm) {
        alarms.push(alarm);
        alarm.stream?.cancel();
      },
    });
    expect((await ended).code).toBe(status.CANCELLED);
    expect(alarms).toEqual([
      expect.objectContaining({
        reason: 'too-old',
        open: 1,
        stream: expect.objectContaining({ kind: 'client-stream' }),
      }),
    ]);
    stream.destroy();
  });
});
