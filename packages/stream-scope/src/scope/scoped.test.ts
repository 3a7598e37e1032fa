import { getEventListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { FakeClock, leakCheck, ScriptedClient, type EchoRequest, type EchoResponse } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allRecords } from '../open-streams/stream-records.js';
import type { ScopeOptions } from './options.js';
import type { ScopedUpload } from './scoped-upload.js';
import { scoped, scopedUpload } from './scoped.js';
import { StreamLimitError } from '../ending/stream-limit-error.js';

const { OK, CANCELLED, UNAVAILABLE, INTERNAL, FAILED_PRECONDITION, UNKNOWN } = status;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

let scripted: ScriptedClient;
let clock: FakeClock;
/** Nobody may be left alone with a rejection. */
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  scripted = new ScriptedClient();
  clock = new FakeClock();
  process.on('unhandledRejection', onUnhandled);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.removeListener('unhandledRejection', onUnhandled);
  scripted[Symbol.dispose]();
  expect(unhandled.splice(0)).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
  const listed = [...allRecords()];
  for (const record of listed) record.cancel();
  expect(listed).toEqual([]);
});

function duplex(options?: ScopeOptions) {
  const call = scripted.client.bidi();
  return { call, stream: scoped(call, options, { clock }), below: scripted.last };
}

function readable(options?: ScopeOptions) {
  const call = scripted.client.serverStream({});
  return { call, stream: scoped(call, options, { clock }), below: scripted.last };
}

function upload(options?: ScopeOptions) {
  const stream: ScopedUpload<EchoRequest, EchoResponse> = scopedUpload(
    (callback) => scripted.client.clientStream(callback as never),
    options,
    { clock },
  );
  return { stream, below: scripted.last };
}

function cancels(below: { log: readonly string[] }): number {
  return below.log.filter((line) => line.startsWith('cancel')).length;
}

async function collect(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const collected: unknown[] = [];
  for await (const message of messages) collected.push(message);
  return collected;
}

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  return promise.then(
    () => {
      throw new Error('it was to reject');
    },
    (error: ServiceError) => error,
  );
}

describe('a scoped stream that is read', () => {
  it('gives out its messages and ends with the status, without a cancel', async () => {
    const { stream, below } = readable();
    scripted.answer(below, ['a', 'b']);
    expect(await collect(stream)).toEqual(['a', 'b']);
    expect((await stream.status).code).toBe(OK);
    stream[Symbol.dispose]();
    await stream[Symbol.asyncDispose]();
    expect(cancels(below)).toBe(0);
  });

  it('gives out messages as they come', async () => {
    const { stream, below } = readable();
    const messages = stream[Symbol.asyncIterator]();
    const both = [messages.next(), messages.next()];
    below.send('a');
    below.send('b');
    expect(await Promise.all(both)).toEqual([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
    ]);
    const end = messages.next();
    below.end();
    expect(await end).toEqual({ done: true, value: undefined });
  });

  it('is read from at once, so that grpc-js bounds what flows in', () => {
    const { below, stream } = readable();
    expect(below.log).toContain('read');
    stream.cancel();
  });

  it('throws the ServiceError of the server after the messages that came before it', async () => {
    const { stream, below } = readable();
    const metadata = new Metadata();
    metadata.set('why', 'because');
    below.send('a');
    below.send('b');
    below.end(UNAVAILABLE, 'gone', metadata);
    const messages = stream[Symbol.asyncIterator]();
    expect((await messages.next()).value).toBe('a');
    expect((await messages.next()).value).toBe('b');
    const error = await failure(messages.next());
    expect(error).toMatchObject({ code: UNAVAILABLE, details: 'gone', message: '14 UNAVAILABLE: gone' });
    expect(error.metadata.get('why')).toEqual(['because']);
    expect((await stream.trailers).get('why')).toEqual(['because']);
    expect(cancels(below)).toBe(0);
  });

  it('cancels when the loop is left', async () => {
    const { stream, below, call } = readable();
    below.send('a');
    below.send('b');
    for await (const message of stream) {
      expect(message).toBe('a');
      break;
    }
    expect([...allRecords()]).toEqual([]);
    expect(await stream.status).toMatchObject({ code: CANCELLED, details: expect.stringContaining('reader left') });
    expect(cancels(below)).toBe(1);
    expect(await failure(collect(stream))).toMatchObject({ code: CANCELLED });
    expect(call.destroyed).toBe(true);
  });

  it('fails a second loop over it when the first is left: it has not read all', async () => {
    const { stream, below } = readable();
    const [first, second] = [stream[Symbol.asyncIterator](), stream[Symbol.asyncIterator]()];
    const mine = first.next();
    const others = failure(second.next());
    expect(await first.return?.()).toEqual({ done: true, value: undefined });
    expect(await mine).toEqual({ done: true, value: undefined });
    expect(await others).toMatchObject({ code: CANCELLED, details: expect.stringContaining('reader left') });
    expect(await failure(second.next())).toMatchObject({ code: CANCELLED });
    expect(await first.next()).toEqual({ done: true, value: undefined });
    expect(cancels(below)).toBe(1);
  });

  it('fails the loop that runs while somebody cancels', async () => {
    const { stream } = readable();
    const reading = failure(collect(stream));
    const why = new Error('enough');
    stream.cancel(why);
    expect(await reading).toMatchObject({ code: CANCELLED, details: 'Cancelled on client: enough', cause: why });
    expect((await stream.status).details).toBe('Cancelled on client: enough');
    expect(await failure(collect(stream))).toMatchObject({ code: CANCELLED });
  });

  it("gives a slow loop all of it, though somebody else listens for 'data'", async () => {
    const { call, stream, below } = readable();
    const heard: unknown[] = [];
    call.on('data', (message) => heard.push(message));
    const messages = stream[Symbol.asyncIterator]();
    const first = messages.next();
    scripted.answer(below, ['a', 'b', 'c']);
    expect((await first).value).toBe('a');
    await new Promise((resolve) => setImmediate(resolve));
    expect((await messages.next()).value).toBe('b');
    expect((await messages.next()).value).toBe('c');
    expect((await messages.next()).done).toBe(true);
    expect(heard).toEqual(['a', 'b', 'c']);
    expect(call.listenerCount('readable')).toBe(0);
  });

  it('is ended by destroying the call', async () => {
    const { stream, below, call } = readable();
    const why = new Error('broken pipe');
    const heard: unknown[] = [];
    call.on('error', (error) => heard.push(error));
    call.destroy(why);
    expect(await failure(collect(stream))).toMatchObject({ code: CANCELLED, cause: why });
    expect((await stream.status).code).toBe(CANCELLED);
    expect(cancels(below)).toBe(1);
    expect(heard).toContain(why);
  });

  it('lets errors through to whoever listens for them', async () => {
    const { stream, below, call } = readable();
    const heard: ServiceError[] = [];
    call.on('error', (error) => heard.push(error as ServiceError));
    below.end(INTERNAL, 'oh');
    await stream.status;
    expect(heard).toMatchObject([{ code: INTERNAL }]);
  });

  it('tells UNKNOWN for a call that had ended before', async () => {
    const call = scripted.client.serverStream({});
    call.read(0);
    scripted.answer(scripted.last, ['a']);
    const stream = scoped(call, {}, { clock });
    expect((await stream.status).code).toBe(UNKNOWN);
    const messages = stream[Symbol.asyncIterator]();
    expect((await messages.next()).value).toBe('a');
    expect(await failure(messages.next())).toMatchObject({ code: UNKNOWN });
  });
});

describe('a scoped stream that is written', () => {
  it('resolves writes in order, and finish when the stream is half-closed', async () => {
    const { stream, below } = duplex();
    const settled: string[] = [];
    const writes = ['a', 'b', 'c'].map((payload) =>
      stream.write({ payload: Buffer.from(payload) }).then(() => settled.push(payload)),
    );
    const finished = stream.finish().then(() => settled.push('finish'));
    await Promise.all([...writes, finished]);
    expect(settled).toEqual(['a', 'b', 'c', 'finish']);
    expect(below.log.filter((line) => line !== 'read').at(-1)).toBe('half-close');
    expect(await failure(stream.write({}))).toMatchObject({ code: FAILED_PRECONDITION });
    scripted.answer(below, ['x']);
    expect(await collect(stream)).toEqual(['x']);
    expect(cancels(below)).toBe(0);
  });

  it('settles every write that the call forgets', async () => {
    const { stream, below } = duplex();
    below.call.sendMessageWithContext = () => undefined;
    const writes = [stream.write({}), stream.write({}), stream.finish()];
    below.end(UNAVAILABLE, 'gone');
    for (const write of writes) expect(await failure(write)).toMatchObject({ code: UNAVAILABLE, details: 'gone' });
    expect(await failure(stream.write({}))).toMatchObject({ code: UNAVAILABLE });
  });

  it.each(['cancel', 'dispose', 'destroy', 'status'] as const)(
    'hurts nobody with a write that nobody awaits: %s',
    async (how) => {
      const { stream, below, call } = duplex();
      below.call.sendMessageWithContext = () => undefined;
      void stream.write({});
      void stream.finish();
      if (how === 'cancel') stream.cancel();
      else if (how === 'dispose') stream[Symbol.dispose]();
      else if (how === 'destroy') call.destroy();
      else below.end(OK);
      void stream.write({});
      await stream.status;
      void stream.write({});
    },
  );

  it('hands nothing to grpc-js after the status', async () => {
    const { stream, below } = duplex();
    let acknowledge: (() => void) | undefined;
    below.call.sendMessageWithContext = ({ callback }: { callback?: () => void }, message: unknown) => {
      below.messages.push(message);
      acknowledge = callback;
    };
    void stream.write({});
    below.end(OK);
    acknowledge?.();
    expect(await failure(stream.write({}))).toMatchObject({ code: FAILED_PRECONDITION });
    await new Promise((resolve) => setImmediate(resolve));
    expect(below.messages).toHaveLength(1);
    expect(await collect(stream)).toEqual([]);
  });

  it('refuses null', async () => {
    const { stream } = duplex();
    await expect(stream.write(null as never)).rejects.toThrow(TypeError);
    stream.cancel();
    await stream.status;
  });
});

describe('a scoped upload', () => {
  it('resolves finish with the response', async () => {
    const { stream, below } = upload();
    await stream.write({});
    const finished = stream.finish();
    expect(stream.finish()).toBe(finished);
    await new Promise((resolve) => setImmediate(resolve));
    scripted.answer(below, ['done']);
    expect(await finished).toBe('done');
    expect((await stream.status).code).toBe(OK);
    expect(cancels(below)).toBe(0);
  });

  it('rejects finish with the ServiceError', async () => {
    const { stream, below } = upload();
    below.end(UNAVAILABLE, 'gone');
    expect(await failure(stream.finish())).toMatchObject({ code: UNAVAILABLE, details: 'gone' });
    expect(await failure(stream.write({}))).toMatchObject({ code: UNAVAILABLE });
  });

  it('resolves finish with an early response, and refuses what comes after it', async () => {
    const { stream, below } = upload();
    scripted.answer(below, ['enough']);
    expect(await failure(stream.write({}))).toMatchObject({ code: FAILED_PRECONDITION });
    expect(await stream.finish()).toBe('enough');
  });

  it('rejects finish with the reason of its signal', async () => {
    const controller = new AbortController();
    const { stream, below } = upload({ signal: controller.signal });
    const finished = stream.finish();
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await failure(finished)).toBe(controller.signal.reason);
    expect((await stream.status).code).toBe(CANCELLED);
    expect(cancels(below)).toBe(1);
  });
});

describe('the metadata of a scoped stream', () => {
  it('are those that the server sent', async () => {
    const { stream, below } = readable();
    const headers = new Metadata();
    headers.set('a', 'b');
    below.sendMetadata(headers);
    expect((await stream.headers).get('a')).toEqual(['b']);
    stream.cancel();
  });

  it('are empty when none came', async () => {
    const { stream, below } = readable();
    below.end(UNAVAILABLE);
    expect((await stream.headers).getMap()).toEqual({});
  });
});

describe('a signal', () => {
  it('cancels, and its reason is what the loop throws', async () => {
    const controller = new AbortController();
    const { stream, below } = readable({ signal: controller.signal });
    const reading = failure(collect(stream));
    controller.abort();
    expect(await reading).toMatchObject({ name: 'AbortError' });
    expect((await stream.status).details).toContain('aborted');
    expect(cancels(below)).toBe(1);
  });

  it('that is aborted already cancels at once', async () => {
    const { stream, below } = duplex({ signal: AbortSignal.abort('no') });
    expect(cancels(below)).toBe(1);
    await expect(stream.write({})).rejects.toBe('no');
    await expect(collect(stream)).rejects.toBe('no');
  });

  it('has one listener for many streams, and none after them', async () => {
    const { signal } = new AbortController();
    const streams = Array.from({ length: 30 }, () => readable({ signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const { below } of streams) below.end();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const late = readable({ signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    late.stream.cancel();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await late.stream.status;
  });
});

describe('limits of life', () => {
  it('end a stream after its lifetime', async () => {
    const { stream, below } = readable({ maxLifetimeMs: 1_000 });
    const reading = failure(collect(stream));
    clock.advance(999);
    below.send('a');
    expect(cancels(below)).toBe(0);
    clock.advance(1);
    expect(cancels(below)).toBe(1);
    const error = await reading;
    expect(error).toBeInstanceOf(StreamLimitError);
    expect(error).toMatchObject({ code: CANCELLED, limit: 'maxLifetimeMs', limitMs: 1_000 });
    expect((await stream.status).details).toBe('Cancelled on client: it has been open for 1000 ms (maxLifetimeMs)');
  });

  it('end a stream that no message goes over, with one timer that is not set for each', async () => {
    const { stream, below } = duplex({ idleTimeoutMs: 1_000 });
    clock.advance(900);
    below.send('a');
    expect(clock.pendingTimers).toBe(1);
    clock.advance(900);
    await stream.write({});
    clock.advance(999);
    expect(cancels(below)).toBe(0);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1);
    expect(await failure(collect(stream))).toMatchObject({ limit: 'idleTimeoutMs' });
    expect((await stream.status).details).toContain('no message was sent or taken for 1000 ms');
  });

  const RAW_READERS: Readonly<Record<string, (call: Readable) => unknown>> = {
    'data listener': (call) => call.on('data', () => undefined),
    'readable listener': (call) => call.on('readable', () => void call.read()),
    'loop over the call': async (call) => {
      for await (const _message of call);
    },
    'pipeline into a function': (call) =>
      pipeline(call, async (messages: AsyncIterable<unknown>) => {
        for await (const _message of messages);
      }).catch(() => undefined),
  };

  it.each(Object.keys(RAW_READERS))('count what somebody else reads from the call: %s', async (name) => {
    const { call, stream, below } = readable({ idleTimeoutMs: 1_000 });
    RAW_READERS[name]?.(call);
    for (let messages = 1; messages <= 5; messages += 1) {
      below.send('a');
      await new Promise((resolve) => setImmediate(resolve));
      expect([...allRecords()]).toMatchObject([{ receivedMessages: messages }]);
      clock.advance(900);
    }
    expect(cancels(below)).toBe(0);
    below.end();
    expect((await stream.status).code).toBe(OK);
  });

  it('take nothing from a stream whose last reader stops to listen', async () => {
    const { call, stream, below } = readable();
    const look = (): void => undefined;
    call.on('readable', look);
    call.removeListener('readable', look);
    await new Promise((resolve) => setImmediate(resolve));
    scripted.answer(below, ['a', 'b']);
    expect(await collect(stream)).toEqual(['a', 'b']);
  });

  it('leave no timer', async () => {
    const { stream, below } = readable({ maxLifetimeMs: 5_000, idleTimeoutMs: 10 });
    expect(clock.pendingTimers).toBe(2);
    expect(clock.refdTimers).toBe(0);
    below.end();
    expect(clock.pendingTimers).toBe(0);
    await stream.status;
  });
});

describe('disposal', () => {
  it('drains: half-closes, discards what comes, and ends with the status of the server', async () => {
    const { stream, below } = duplex({ onDispose: 'drain' });
    below.send('a');
    const disposed = stream[Symbol.asyncDispose]();
    expect(clock.refdTimers).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(below.log).toContain('half-close');
    for (let sent = 0; sent < 100; sent += 1) {
      below.send('b');
      await new Promise((resolve) => setImmediate(resolve));
    }
    below.end();
    await disposed;
    expect((await stream.status).code).toBe(OK);
    expect(cancels(below)).toBe(0);
  });

  it('stops to drain at the time that it has', async () => {
    const { stream, below } = duplex({ onDispose: 'drain', drainTimeoutMs: 100 });
    const disposed = stream[Symbol.asyncDispose]();
    clock.advance(99);
    expect(cancels(below)).toBe(0);
    clock.advance(1);
    await disposed;
    expect(cancels(below)).toBe(1);
    expect((await stream.status).details).toContain('its drain reached 100 ms');
  });

  it('stops to drain at the messages that it may discard', async () => {
    const { stream, below } = readable({ onDispose: 'drain', drainTimeoutMs: Infinity, maxDrainMessages: 3 });
    const disposed = stream[Symbol.asyncDispose]();
    for (let sent = 0; sent < 3; sent += 1) below.send('a');
    await new Promise((resolve) => setImmediate(resolve));
    expect(cancels(below)).toBe(0);
    below.send('a');
    await disposed;
    expect(cancels(below)).toBe(1);
    expect((await stream.status).details).toContain('its drain reached 3 messages');
  });

  it('drains no time at all when it has none', async () => {
    const { stream, below } = upload({ onDispose: 'drain', drainTimeoutMs: 0 });
    const disposed = stream[Symbol.asyncDispose]();
    clock.advance(0);
    await disposed;
    expect(cancels(below)).toBe(1);
  });

  it('fails a loop that runs elsewhere', async () => {
    const { stream } = readable();
    const reading = failure(collect(stream));
    await stream[Symbol.asyncDispose]();
    expect(await reading).toMatchObject({ code: CANCELLED, details: expect.stringContaining('disposed of') });
  });

  it('does not wait for ever for a call that tells no status', async () => {
    scripted.below.losesCancels = true;
    const { stream, below } = readable();
    const disposed = stream[Symbol.asyncDispose]();
    clock.advance(1_000);
    await disposed;
    expect((await stream.status).code).toBe(CANCELLED);
    expect(cancels(below)).toBe(1);
  });

  it('leaves no listener but one that does nothing', async () => {
    for (const make of [readable, duplex]) {
      const { stream, call } = make({ signal: new AbortController().signal });
      const reading = failure(collect(stream));
      stream[Symbol.dispose]();
      await reading;
      await stream.status;
      await new Promise((resolve) => setImmediate(resolve));
      for (const event of ['status', 'metadata', 'close', 'readable', 'end', 'data']) {
        expect([event, call.listenerCount(event)]).toEqual([event, 0]);
      }
      expect(call.listeners('error').map((listener) => listener.name)).toEqual(['ignore']);
      expect(Object.hasOwn(call, 'push')).toBe(false);
    }
  });
});

describe('what cannot be scoped', () => {
  it.each([
    ['undefined', () => undefined],
    ['a unary call', () => scripted.client.unary({}, () => undefined)],
    ['scopedUpload() takes', () => scripted.client.clientStream(() => undefined)],
  ])('is named: %s', (name, make) => {
    const call = make();
    expect(() => scoped(call as never)).toThrow(TypeError);
    expect(() => scoped(call as never)).toThrow(name);
    call?.cancel();
  });

  it('is a call that has an owner', async () => {
    const { call, stream, below } = readable();
    expect(() => scoped(call)).toThrow('the call is scoped already');
    expect(() => scoped(stream as never)).toThrow(TypeError);
    expect(cancels(below)).toBe(0);
    stream.cancel();
    await stream.status;
  });

  it('is an upload that is none', () => {
    const call = scripted.client.bidi();
    expect(() => scopedUpload(() => call as never)).toThrow('a stream that is read, which scoped() takes');
    expect(cancels(scripted.last)).toBe(1);
    expect(() => scopedUpload(5 as never)).toThrow('open must be a function');
  });

  it.each([
    [{ idleTimeoutMs: 0 }, RangeError, 'scoped: idleTimeoutMs must be a number of at least 1, or Infinity, got 0'],
    [{ maxDrainMessages: 1.5 }, RangeError, 'maxDrainMessages'],
    [{ onDispose: 'close' }, TypeError, "onDispose must be one of 'cancel', 'drain'"],
    [{ signal: {} }, TypeError, 'signal must be an AbortSignal, got {}'],
    [{ signal: { aborted: false, addEventListener: () => undefined } }, TypeError, 'signal must be an AbortSignal'],
    [{ captureStack: 1 }, TypeError, 'captureStack must be one of'],
    [{ timeout: 1 }, TypeError, 'unknown option'],
  ])('has a bad option: %o', async (options, kind, text) => {
    const call = scripted.client.serverStream({});
    expect(() => scoped(call, options as never)).toThrow(kind);
    expect(() => scoped(call, options as never)).toThrow(text);
    expect(cancels(scripted.last)).toBeGreaterThan(0);
  });
});

it('keeps the heap flat and the signal free over 30,000 short streams', { timeout: 120_000 }, async () => {
  using leaks = leakCheck();
  const { signal } = new AbortController();
  scripted.below.onStart = (inner) => process.nextTick(() => scripted.answer(inner, ['a']));
  const run = async (streams: number): Promise<void> => {
    for (let left = streams; left > 0; left -= 1) {
      using stream = scoped(scripted.client.serverStream({}), { signal, maxLifetimeMs: 60_000 }, { clock });
      if (left % 2 === 0) await collect(stream);
      scripted.below.calls.length = 0;
    }
  };
  const heapOf = async (): Promise<number> => {
    for (let round = 0; round < 3; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    return process.memoryUsage().heapUsed;
  };
  await run(3_000);
  const before = await heapOf();
  await run(27_000);
  const after = await heapOf();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(after - before).toBeLessThan(8 * 1024 * 1024);
  await leaks.expectNothingLeft();
});
