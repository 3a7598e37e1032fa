import { getEventListeners } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import { type EchoRequest, type EchoResponse, FakeClock, repeatedly, ScriptedClient } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scoped, scopedUpload } from '../scope/scoped.js';
import type { StreamScopeOptions } from './options.js';
import { StreamScope } from './stream-scope.js';

let scripted: ScriptedClient;
const clock = new FakeClock();
/** The calls that were cancelled, by their number, in order. */
let cancelled: number[] = [];

beforeEach(() => {
  scripted = new ScriptedClient();
  cancelled = [];
});
afterEach(() => {
  for (const call of scripted.below.calls) call.end();
  scripted[Symbol.dispose]();
  expect(clock.pendingTimers).toBe(0);
});

/** A call that notes its cancel. */
function bidi() {
  const call = scripted.client.bidi();
  const number = scripted.below.calls.length;
  const below = scripted.last;
  const { cancelWithStatus } = below.call;
  below.call.cancelWithStatus = (code, details) => {
    cancelled.push(number);
    cancelWithStatus.call(below.call, code, details);
  };
  return call;
}

function scopeWith(options?: StreamScopeOptions): StreamScope {
  return new StreamScope(options, { clock });
}

describe('a StreamScope', () => {
  it('takes calls of every kind, and other scopes', async () => {
    const scope = scopeWith();
    scope.add(bidi());
    scope.add(scripted.client.serverStream({}));
    const upload = scope.add(
      scopedUpload<EchoRequest, EchoResponse>((callback) => scripted.client.clientStream(callback as never)),
    );
    const nested = scope.add(scopeWith());
    nested.add(scoped(bidi()));
    expect(scope.openStreams.map(({ kind }) => kind)).toEqual(['bidi', 'server-stream', 'client-stream', 'bidi']);
    expect(Object.isFrozen(scope.openStreams)).toBe(true);
    await scope[Symbol.asyncDispose]();
    expect((await upload.status).code).toBe(status.CANCELLED);
    expect(scope.openStreams).toEqual([]);
    expect(scope.disposed && nested.disposed).toBe(true);
  });

  it('disposes in reverse order of adding, nested scopes in their place', () => {
    for (const _how of [1, 2]) {
      cancelled = [];
      const first = scripted.below.calls.length + 1;
      const scope = scopeWith();
      scope.add(bidi());
      const nested = scope.add(scopeWith());
      scope.add(bidi());
      nested.add(bidi());
      nested.add(bidi());
      if (_how === 1) scope[Symbol.dispose]();
      else void scope[Symbol.asyncDispose]();
      expect(cancelled.map((number) => number - first)).toEqual([1, 3, 2, 0]);
    }
  });

  it('lets streams leave that have ended', async () => {
    const scope = scopeWith();
    for (let round = 0; round < 100; round += 1) {
      const stream = scope.add(bidi());
      if (round % 2 === 0) scripted.last.end();
      else stream.cancel();
      await stream.status;
      expect(scope.openStreams).toEqual([]);
    }
    const nested = scope.add(scopeWith());
    nested.add(bidi());
    nested[Symbol.dispose]();
    expect(scope.openStreams).toEqual([]);
    cancelled = [];
    scope[Symbol.dispose]();
    expect(cancelled).toEqual([]);
  });

  it('tells of its streams, and cancels through what it tells', async () => {
    const scope = scopeWith();
    const stream = scope.add(bidi());
    await stream.write({});
    clock.advance(50);
    const [open] = scope.openStreams;
    expect(open).toMatchObject({ method: 'unknown', kind: 'bidi', ageMs: 50, sentMessages: 1, receivedMessages: 0 });
    open?.cancel();
    expect((await stream.status).code).toBe(status.CANCELLED);
    open?.cancel();
  });

  it('refuses the stream that is one too many, and cancels it', async () => {
    const scope = scopeWith({ maxOpenStreams: 2 });
    scope.add(scopeWith());
    const streams = [scope.add(bidi()), scope.add(bidi())];
    expect(() => scope.add(bidi())).toThrow(RangeError);
    expect(cancelled).toEqual([3]);
    expect(scope.add(streams[0] as (typeof streams)[0])).toBe(streams[0]);
    streams[0]?.cancel();
    await streams[0]?.status;
    scope.add(bidi());
    expect(cancelled).toEqual([3, 1]);
    scope[Symbol.dispose]();
  });

  it('refuses whatever comes after its disposal, and cancels it', () => {
    const scope = scopeWith();
    scope[Symbol.dispose]();
    const nested = scopeWith();
    nested.add(bidi());
    expect(() => scope.add(bidi())).toThrow(ReferenceError);
    expect(() => scope.add(nested)).toThrow(ReferenceError);
    expect(cancelled).toEqual([2, 1]);
    scope[Symbol.dispose]();
  });

  it('gives its options to what is added', async () => {
    const controller = new AbortController();
    const own = new AbortController();
    const scope = scopeWith({ maxLifetimeMs: 1_000, signal: controller.signal });
    const short = scope.add(bidi(), { maxLifetimeMs: 10 });
    const long = scope.add(bidi(), { signal: own.signal });
    const scopedBefore = scope.add(scoped(bidi(), {}, { clock }));
    clock.advance(10);
    expect((await short.status).details).toContain('maxLifetimeMs');
    own.abort();
    expect((await long.status).details).toContain('aborted');
    controller.abort();
    expect((await scopedBefore.status).details).toContain('aborted');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(getEventListeners(own.signal, 'abort')).toEqual([]);
    const late = scope.add(bidi());
    expect((await late.status).code).toBe(status.CANCELLED);
  });

  it('drains its streams together', async () => {
    const scope = scopeWith({ onDispose: 'drain', drainTimeoutMs: 1_000 });
    const streams = Array.from({ length: 5 }, () => scope.add(bidi()));
    const ended = scripted.below.calls[2];
    const disposed = scope[Symbol.asyncDispose]();
    ended?.sendMetadata(new Metadata());
    ended?.end();
    clock.advance(1_000);
    await disposed;
    const codes = await Promise.all(streams.map(async (stream) => (await stream.status).code));
    expect(codes.map((code) => status[code])).toEqual(['CANCELLED', 'CANCELLED', 'OK', 'CANCELLED', 'CANCELLED']);
  });

  it('gathers what disposals throw as DisposableStack does, and disposes of the rest', async () => {
    for (const isAsync of [false, true]) {
      cancelled = [];
      const scope = scopeWith();
      const numbers: number[] = [];
      for (const text of ['one', '', 'two', 'three']) {
        scope.add(bidi());
        numbers.push(scripted.below.calls.length);
        if (text === '') continue;
        scripted.last.call.cancelWithStatus = () => {
          throw new Error(text);
        };
      }
      const disposal = isAsync
        ? scope[Symbol.asyncDispose]()
        : new Promise<void>((resolve) => resolve(scope[Symbol.dispose]()));
      using _tick = repeatedly(1, 'whatever a disposal waits for on this clock comes', () => clock.advance(1_000));
      const error: unknown = await disposal.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        name: 'SuppressedError',
        error: { message: 'one' },
        suppressed: { name: 'SuppressedError', error: { message: 'two' }, suppressed: { message: 'three' } },
      });
      expect(cancelled).toEqual([numbers[1]]);
      for (const call of scripted.below.calls) call.end();
    }
  });

  it('refuses what is neither a stream nor a scope, itself, and options for a stream that has its own', () => {
    const scope = scopeWith();
    expect(() => scope.add({} as never)).toThrow('StreamScope: call must be');
    expect(() => scope.add(undefined as never)).toThrow(TypeError);
    expect(() => scope.add(scope)).toThrow('cannot be added to itself');
    scopeWith().add(scopeWith()).add(scope);
    const within = scope.add(scopeWith()).add(scopeWith());
    expect(() => within.add(scope)).toThrow('cannot be added to itself, or to one within it');
    expect(scope.openStreams).toEqual([]);
    const stream = scoped(bidi());
    expect(() => (scope.add as (...all: unknown[]) => unknown).call(scope, stream, {})).toThrow('takes no options');
    stream.cancel();
    expect(() => scopeWith({ maxOpenStreams: 0 })).toThrow(
      'StreamScope: maxOpenStreams must be a number of at least 1, or Infinity, got 0',
    );
    expect(() => scopeWith({ lifetime: 1 } as never)).toThrow(
      /unknown option 'lifetime'; known are maxOpenStreams, .*signal/,
    );
    expect(() => scopeWith([] as never)).toThrow('StreamScope: options must be an object, got []');
    expect(() => scopeWith(5 as never)).toThrow('options must be an object');
  });
});
