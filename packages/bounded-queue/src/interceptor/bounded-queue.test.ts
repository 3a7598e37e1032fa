import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import {
  InterceptorConfigurationError,
  Metadata,
  propagate,
  status,
  type InterceptorOptions,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { explain, type ShedReport } from '@grpc-manifold/core';
import { InterceptedScene, settled, type ClientCall } from '@grpc-manifold/testing';
import type { ConcurrencyLimit, LimitSample } from '../limits/index.js';
import { boundedQueue, type BoundedQueueInterceptor } from './bounded-queue.js';
import type { BoundedQueueOptions } from './options.js';

type Scene = InterceptedScene<BoundedQueueInterceptor>;

const KINDS = ['unary', 'server-stream', 'client-stream', 'bidi'] as const;
const scenes: Scene[] = [];

function setUp(options?: BoundedQueueOptions): Scene {
  const scene = new InterceptedScene((environment) => boundedQueue(options, environment));
  scenes.push(scene);
  return scene;
}

/** A scene whose one slot is taken. */
function full(options?: BoundedQueueOptions): Scene & { release(): void } {
  const scene = setUp({ limit: 1, ...options });
  scene.call();
  return Object.assign(scene, { release: () => scene.below.calls[0]?.end() });
}

/** A server call as far as its children see it. */
class Parent extends EventEmitter {
  cancelled = false;

  constructor(readonly deadline: number = Infinity) {
    super();
  }

  getDeadline(): number {
    return this.deadline;
  }

  cancel(): void {
    this.cancelled = true;
    this.emit('cancelled', 'cancelled');
  }

  get asCall(): ServerUnaryCall<unknown, unknown> {
    return this as unknown as ServerUnaryCall<unknown, unknown>;
  }
}

/** A limit that a test sets, and that remembers what it is told. */
class SetLimit implements ConcurrencyLimit {
  readonly samples: LimitSample[] = [];

  constructor(public current: number) {}

  onSample(sample: LimitSample): void {
    this.samples.push(sample);
  }
}

afterEach(async () => {
  for (const { interceptor, below, clock } of scenes.splice(0)) {
    interceptor[Symbol.dispose]();
    for (const call of below.running) call.end();
    await settled();
    const { inFlightCalls, inFlightStreams, queuedCalls, queuedBytes, oldestWaitMs } = interceptor.stats();
    expect([inFlightCalls, inFlightStreams, queuedCalls, queuedBytes, oldestWaitMs]).toEqual([0, 0, 0, 0, 0]);
    expect(clock.pendingTimers).toBe(0);
  }
});

describe('a call that finds a slot', () => {
  it.each(KINDS)('goes through in the same tick, and is not serialized: %s', (kind) => {
    const scene = setUp();
    const made = scene.call({ kind });
    made.call.startRead();
    if (kind === 'client-stream' || kind === 'bidi') {
      made.call.sendMessageWithContext({}, 'hello' as never);
      made.call.halfClose();
    }
    const [inner] = scene.below.calls;
    expect([...(inner?.log ?? [])].sort()).toEqual(['half-close', 'read', 'send hello', 'start']);
    expect(scene.serialized).toBe(0);
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 0 });
    inner?.sendMetadata();
    inner?.send('answer');
    inner?.end();
    expect(made.events).toEqual(['metadata', 'message answer', 'OK']);
    expect(scene.interceptor.stats().inFlightCalls).toBe(0);
  });

  it('is handed its own options, metadata and status, as they are', () => {
    const scene = setUp();
    const metadata = new Metadata();
    metadata.set('bytes-bin', Buffer.from([0, 255]));
    const made = scene.create({ host: 'elsewhere', deadline: 5e15 }).start(metadata);
    const [inner] = scene.below.calls;
    expect(inner?.metadata).toBe(metadata);
    expect(inner?.options).toMatchObject({ host: 'elsewhere', deadline: 5e15 });
    inner?.end(status.NOT_FOUND, 'not here', metadata);
    expect(made.ending).toEqual({ code: status.NOT_FOUND, details: 'not here', metadata });
    expect(made.ending.metadata).toBe(metadata);
    expect(explain(made.ending)).toBeUndefined();
  });

  it('hands over a read that was asked for before the start', () => {
    const scene = setUp();
    const made = scene.create({ kind: 'bidi' });
    made.call.startRead();
    expect(scene.below.calls).toEqual([]);
    made.start();
    expect(scene.below.calls[0]?.log).toEqual(['start', 'read']);
  });

  it('takes up nothing before it is started', () => {
    const scene = setUp();
    scene.create();
    expect([scene.below.calls.length, scene.interceptor.stats().inFlightCalls]).toEqual([0, 0]);
  });

  it('tells the peer and the authentication of the call below, and before nothing that is wrong', () => {
    const scene = full();
    const made = scene.call();
    expect([made.call.getPeer(), made.call.getAuthContext()]).toEqual(['unknown', null]);
    scene.release();
    expect(made.call.getPeer()).toBe('peer of the call below');
  });
});

describe('a call that waits', () => {
  it.each(KINDS)('makes no call below, and carries everything out in order when admitted: %s', (kind) => {
    const scene = full();
    const made = scene.call({ kind });
    made.call.startRead();
    if (kind === 'client-stream' || kind === 'bidi') {
      for (const text of ['a', 'b', 'c']) made.call.sendMessageWithContext({}, text as never);
      made.call.halfClose();
    }
    expect(scene.below.calls).toHaveLength(1);
    scene.release();
    const isStream = kind === 'client-stream' || kind === 'bidi';
    const sends = isStream ? ['send a', 'send b', 'send c'] : ['send hello'];
    expect(scene.below.calls[1]?.log).toEqual(['start', 'read', ...sends, 'half-close']);
    scene.below.calls[1]?.end();
    expect(made.events).toEqual(['OK']);
  });

  it('counts the bytes of its messages, each serialized once', () => {
    const scene = full();
    const made = scene.call({ kind: 'bidi' });
    for (const text of ['four', 'seventy']) made.call.sendMessageWithContext({}, text as never);
    scene.call({ message: 'ten bytes.' });
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 2, queuedBytes: 21 });
    expect(scene.serialized).toBe(3);
    scene.release();
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 1, queuedBytes: 10 });
    expect(scene.serialized).toBe(3);
    scene.below.calls[1]?.end();
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0 });
  });

  it('answers its writes only when the call below has taken them', () => {
    const scene = full();
    const made = scene.call({ kind: 'bidi' });
    const written: string[] = [];
    for (const text of ['a', 'b']) {
      made.call.sendMessageWithContext({ callback: () => written.push(text) }, text as never);
    }
    expect(written).toEqual([]);
    scene.release();
    expect(written).toEqual(['a', 'b']);
  });

  it('puts what is asked while it is being admitted behind the rest', () => {
    const scene = full();
    const made = scene.call({ kind: 'bidi' });
    scene.below.onMessage = ({ messages }) => {
      if (messages.length === 1) {
        made.call.sendMessageWithContext({}, 'c' as never);
        made.call.halfClose();
      }
    };
    scene.below.onStart = () => made.call.sendMessageWithContext({}, 'b' as never);
    made.call.sendMessageWithContext({}, 'a' as never);
    scene.release();
    expect(scene.below.calls[1]?.log).toEqual(['start', 'send a', 'send b', 'send c', 'half-close']);
  });

  it('sends the metadata as they were at its start', () => {
    const scene = full();
    const metadata = new Metadata();
    metadata.set('id', '1');
    scene.create().start(metadata);
    metadata.set('id', '2');
    scene.release();
    expect(scene.below.calls[1]?.metadata?.get('id')).toEqual(['1']);
  });

  it('fails as grpc-js does when its message cannot be serialized', async () => {
    const scene = full();
    const made = scene.call({ message: Symbol('no bytes') as unknown as string });
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0 });
    await settled();
    expect(made.code).toBe('INTERNAL');
    expect(made.ending.details).toMatch(/^Request message serialization failure: /);
  });

  it('is admitted before those who come later, also when there is room again', () => {
    const scene = full({ limit: 2 });
    scene.call({ message: 'second' });
    scene.call({ message: 'third' });
    scene.below.calls[0]?.end();
    scene.call({ message: 'fourth' });
    scene.below.calls[1]?.end();
    scene.below.calls[2]?.end();
    const sent = scene.below.calls.map(({ messages }) => messages[0]);
    expect(sent).toEqual(['hello', 'second', 'third', 'fourth']);
  });

  it('has its slot given before anybody is told that it is free', () => {
    let seen: unknown;
    const scene = setUp({ limit: 1 });
    scene.create().start(new Metadata(), () => (seen = scene.interceptor.stats()));
    scene.call();
    scene.below.calls[0]?.end();
    expect(seen).toMatchObject({ inFlightCalls: 1, queuedCalls: 0 });
    expect(scene.below.calls).toHaveLength(2);
  });

  it('tells in its explanation how long it waited, when it fails', () => {
    const scene = full();
    const made = scene.call();
    scene.clock.advance(70);
    scene.release();
    scene.below.calls[1]?.end(status.ABORTED, 'no');
    expect(made.ending).toMatchObject({ code: status.ABORTED, details: 'no' });
    expect(explain(made.ending)).toEqual({ queueWaitMs: 70, from: 'object' });
  });

  it('keeps the async context that it was made in, whoever lets it in', async () => {
    const scene = full();
    const store = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const note = (): void => void seen.push(store.getStore());
    store.run('its own', () => {
      scene.create().start(new Metadata(), note);
      scene.create({ deadline: scene.clock.now() + 5 }).start(new Metadata(), note);
    });
    scene.below.onStart = note;
    store.run('of another', () => scene.release());
    store.run('of a clock', () => scene.clock.advance(5));
    store.run('of the server', () => scene.below.calls[1]?.end());
    await settled();
    expect(seen).toEqual(['its own', 'its own', 'its own']);
  });
});

describe('a waiting call ends', () => {
  async function ending(made: ClientCall, scene: Scene): Promise<unknown[]> {
    expect(made.statuses).toEqual([]);
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0 });
    await settled();
    // Afterwards nothing is of any effect.
    made.call.cancelWithStatus(status.CANCELLED, 'once more');
    made.call.startRead();
    made.call.halfClose();
    const written = new Promise((resolve) =>
      made.call.sendMessageWithContext({ callback: () => resolve(true) }, 'late' as never),
    );
    expect(await written).toBe(true);
    await settled();
    expect(scene.below.calls).toHaveLength(1);
    return [made.code, made.ending.details, explain(made.ending)?.refusedBy];
  }

  it.each(KINDS)('by its deadline: %s', async (kind) => {
    const scene = full();
    const made = scene.call({ kind, deadline: scene.clock.now() + 250 });
    scene.clock.advance(249);
    await settled();
    expect(made.statuses).toEqual([]);
    scene.clock.advance(1);
    const details =
      'Deadline exceeded after 0.250s,waiting in the queue: 1 in flight, limit 1; waited 250 ms, never sent';
    expect(await ending(made, scene)).toEqual(['DEADLINE_EXCEEDED', details, undefined]);
    expect(explain(made.ending)).toEqual({
      queueWaitMs: 250,
      neverSent: true,
      waitedFor: 'slot',
      inFlightCalls: 1,
      limit: 1,
      from: 'object',
    });
  });

  it.each(KINDS)('by a cancel: %s', async (kind) => {
    const scene = full();
    const made = scene.call({ kind });
    made.call.cancelWithStatus(status.CANCELLED, 'Cancelled on client');
    expect(await ending(made, scene)).toEqual(['CANCELLED', 'Cancelled on client', undefined]);
  });

  it('by a cancel that came before its start', async () => {
    const scene = full();
    const made = scene.create();
    made.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
    made.start();
    expect(await ending(made, scene)).toEqual(['CANCELLED', 'changed my mind', undefined]);
  });

  it('by the cancel of its parent, which then has no listener of ours', async () => {
    const scene = full();
    const parent = new Parent();
    const made = scene.call({ parent: parent.asCall });
    expect(parent.listenerCount('cancelled')).toBe(1);
    parent.cancel();
    expect(await ending(made, scene)).toEqual(['CANCELLED', 'Cancelled by parent call', undefined]);
    expect(parent.listenerCount('cancelled')).toBe(0);
  });

  it('at once when its parent is cancelled already', async () => {
    const scene = full();
    const parent = new Parent();
    parent.cancel();
    const made = scene.call({ parent: parent.asCall });
    expect(await ending(made, scene)).toEqual(['CANCELLED', 'Cancelled by parent call', undefined]);
  });

  it('by the deadline of its parent', async () => {
    const scene = full();
    const parent = new Parent(scene.clock.now() + 30);
    const made = scene.call({ parent: parent.asCall, deadline: scene.clock.now() + 60 });
    scene.clock.advance(30);
    expect((await ending(made, scene))[0]).toBe('DEADLINE_EXCEEDED');
  });

  it('with nothing of its parent where the flags do not ask for it', async () => {
    const scene = full();
    const parent = new Parent(scene.clock.now() + 30);
    const made = scene.call({ parent: parent.asCall, flags: propagate.CENSUS_STATS_CONTEXT });
    scene.clock.advance(30);
    parent.cancel();
    await settled();
    expect([made.statuses, parent.listenerCount('cancelled')]).toEqual([[], 0]);
  });

  it('by the longest wait', async () => {
    const scene = full({ maxQueueTimeMs: 40 });
    const made = scene.call();
    scene.clock.advance(40);
    expect(await ending(made, scene)).toEqual([
      'RESOURCE_EXHAUSTED',
      'Refused before it was sent, queue-time: waited 40 ms (maxQueueTimeMs 40); 1 calls in flight, 0 queued',
      'queue-time',
    ]);
  });

  it('by the bound on bytes, whichever message goes beyond it', async () => {
    const scene = full({ maxQueuedBytes: 8 });
    const unary = scene.call({ message: 'nine bytes' });
    expect((await ending(unary, scene)).slice(2)).toEqual(['queue-bytes']);
    const stream = scene.call({ kind: 'bidi' });
    stream.call.sendMessageWithContext({}, 'five.' as never);
    expect(scene.interceptor.stats().queuedBytes).toBe(5);
    stream.call.sendMessageWithContext({}, 'four' as never);
    expect((await ending(stream, scene)).slice(2)).toEqual(['queue-bytes']);
  });

  it('when the queue is disposed', async () => {
    const scene = full();
    const made = scene.call();
    scene.interceptor[Symbol.dispose]();
    expect(await ending(made, scene)).toEqual([
      'UNAVAILABLE',
      'Refused before it was sent, closed: the queue is disposed; 1 calls in flight, 1 queued',
      'closed',
    ]);
  });
});

describe('a call that may not even wait', () => {
  it('is refused when the queue is full, with the numbers', async () => {
    const scene = full({ maxQueuedCalls: 2 });
    scene.call();
    scene.call();
    const made = scene.call();
    expect(made.statuses).toEqual([]);
    await settled();
    expect(made.ending).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'Refused before it was sent, queue-full: 2 calls wait (maxQueuedCalls 2); 1 calls in flight, 2 queued',
    });
    expect(explain(made.ending)).toEqual({
      from: 'object',
      refusedBy: 'queue-full',
      limit: 2,
      queueWaitMs: 0,
      inFlightCalls: 1,
      queuedCalls: 2,
    });
    // Its message was not looked at.
    expect([scene.serialized, scene.interceptor.stats().shedCalls]).toEqual([2, 1]);
  });

  it('ends by a deadline that is past, whether there is room or not, and teaches the limit nothing', async () => {
    const limit = new SetLimit(1);
    const scene = setUp({ limit });
    const made = scene.call({ deadline: scene.clock.now() });
    expect(scene.below.calls).toEqual([]);
    await settled();
    expect(made.ending).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: 'Deadline exceeded after 0.000s,before it was sent',
    });
    expect(limit.samples).toEqual([]);
  });

  it('is refused after the queue was disposed, while what is in flight goes on', async () => {
    const scene = setUp();
    const running = scene.call();
    scene.interceptor[Symbol.dispose]();
    scene.interceptor[Symbol.dispose]();
    const late = scene.call();
    scene.below.calls[0]?.end();
    await settled();
    expect([running.code, late.code, explain(late.ending)?.refusedBy]).toEqual(['OK', 'UNAVAILABLE', 'closed']);
  });

  it('is dropped early when those in front will take longer than it has', async () => {
    const scene = full();
    for (let count = 0; count < 60; count += 1) scene.call();
    // One each 10 ms, for as long as it takes to believe it.
    for (let count = 0; count < 30; count += 1) {
      scene.clock.advance(10);
      scene.below.running[0]?.end();
    }
    const { queuedCalls } = scene.interceptor.stats();
    const late = scene.call({ deadline: scene.clock.now() + 10 * queuedCalls - 20 });
    // A quarter more than expected, and the round trip, must fit.
    const inTime = scene.call({ deadline: scene.clock.now() + 12.5 * queuedCalls + 50 });
    await settled();
    expect(explain(late.ending)).toMatchObject({ refusedBy: 'early-drop', inFlightCalls: 1, queuedCalls });
    expect(late.ending.details).toMatch(/^Refused before it was sent, early-drop: it would wait \d+ ms and has \d+ ms/);
    expect(inTime.statuses).toEqual([]);
    inTime.call.cancelWithStatus(status.CANCELLED, '');
    scene.interceptor[Symbol.dispose]();
  });

  it('is dropped when its turn comes too late for an answer, and the next in time has it', async () => {
    const scene = full();
    for (let count = 0; count < 10; count += 1) {
      scene.call();
      scene.clock.advance(100);
      scene.below.running[0]?.end();
    }
    const late = scene.call({ deadline: scene.clock.now() + 150 });
    const inTime = scene.call({ deadline: scene.clock.now() + 1_000 });
    scene.clock.advance(100);
    scene.below.running[0]?.end();
    await settled();
    expect(explain(late.ending)).toMatchObject({ refusedBy: 'early-drop', queueWaitMs: 100 });
    expect(inTime.statuses).toEqual([]);
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 0 });
    scene.interceptor[Symbol.dispose]();
  });

  it('is not dropped at its turn because of one answer that was late', async () => {
    const scene = full();
    for (let count = 0; count < 60; count += 1) {
      scene.call();
      scene.clock.advance(20);
      scene.below.running[0]?.end();
    }
    const waiting = scene.call({ deadline: scene.clock.now() + 150 });
    // The mean is 30 ms now, and the mean deviation 20: nearly every answer comes within 110, of the 50 that are left.
    scene.clock.advance(100);
    scene.below.running[0]?.end();
    await settled();
    expect(waiting.statuses).toEqual([]);
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 0 });
    scene.interceptor[Symbol.dispose]();
  });
});

describe('the call below', () => {
  it('that cannot be made ends the call with UNAVAILABLE and gives its slot to the next', async () => {
    const scene = full({ limit: 1 });
    const waiting = [scene.call(), scene.call()];
    scene.below.broken = new Error('Channel has been shut down');
    scene.release();
    const atOnce = scene.call();
    expect(atOnce.statuses).toEqual([]);
    await settled();
    for (const made of [...waiting, atOnce]) {
      expect(made.ending).toMatchObject({
        code: status.UNAVAILABLE,
        details: 'What follows the bounded queue threw: Channel has been shut down',
      });
    }
  });

  it('that is wrongly put together ends the call with INTERNAL', async () => {
    const scene = setUp();
    scene.below.broken = new InterceptorConfigurationError('the wrong way round');
    const made = scene.call();
    await settled();
    expect(made.code).toBe('INTERNAL');
  });

  it.each(['start', 'send'] as const)('that throws at %s is cancelled, and the slot is free again', async (when) => {
    const scene = full();
    const boom = (): never => {
      throw new Error('boom');
    };
    const waiting = scene.call();
    scene.below[when === 'start' ? 'onStart' : 'onMessage'] = boom;
    scene.release();
    const atOnce = scene.call();
    await settled();
    for (const [index, made] of [waiting, atOnce].entries()) {
      expect(made.ending).toMatchObject({
        code: status.INTERNAL,
        details: 'What follows the bounded queue threw: boom',
      });
      expect(scene.below.calls[index + 1]?.log).toContain(
        'cancel INTERNAL: What follows the bounded queue threw: boom',
      );
    }
    expect(scene.interceptor.stats().inFlightCalls).toBe(0);
  });

  it('may answer at once, for any number of waiting calls', () => {
    const scene = full({ maxQueuedCalls: 20_000 });
    const waiting = Array.from({ length: 20_000 }, () => scene.call());
    scene.below.onStart = (inner) => inner.end();
    scene.release();
    expect(waiting.every((made) => made.code === 'OK')).toBe(true);
  });

  it('is cancelled by a cancel, and tells the status', async () => {
    const scene = setUp();
    const made = scene.call();
    await settled();
    made.call.cancelWithStatus(status.CANCELLED, 'enough');
    expect(scene.below.calls[0]?.log.at(-1)).toBe('cancel CANCELLED: enough');
    await settled();
    expect(made.events).toEqual(['CANCELLED']);
  });

  it('is cancelled in the next turn when it was made in this one: grpc-js would open its stream in spite of it', async () => {
    const scene = setUp();
    const made = scene.call();
    made.call.cancelWithStatus(status.CANCELLED, 'enough');
    expect(scene.below.calls[0]?.log).not.toContain('cancel CANCELLED: enough');
    await settled();
    expect(scene.below.calls[0]?.log.filter((line) => line.startsWith('cancel'))).toHaveLength(1);
    expect(made.events).toEqual(['CANCELLED']);
  });

  it('that loses a cancel does not keep the slot', async () => {
    const scene = setUp();
    scene.below.losesCancels = true;
    const made = scene.call();
    made.call.cancelWithStatus(status.CANCELLED, 'enough');
    await settled();
    expect(made.events).toEqual(['CANCELLED']);
    expect(scene.interceptor.stats().inFlightCalls).toBe(0);
    scene.below.calls[0]?.end();
  });

  it('is started and cancelled when its making ended the call', async () => {
    const scene = setUp({ limit: 1 });
    let cancel = (): void => undefined;
    const custom = scene.interceptor({ method_definition: methodDefinition() }, (options) => {
      cancel();
      return scene.below.nextCall(options);
    });
    cancel = () => custom.cancelWithStatus(status.CANCELLED, 'in between');
    const statuses: unknown[] = [];
    custom.start(new Metadata(), { onReceiveStatus: ({ code }) => void statuses.push(code) });
    await settled();
    expect(statuses).toEqual([status.CANCELLED]);
    expect(scene.below.calls[0]?.log).toEqual(['start', 'cancel CANCELLED: in between']);
    expect(scene.interceptor.stats().inFlightCalls).toBe(0);
  });

  it('tells one status only, and nothing after it', () => {
    const scene = setUp();
    const made = scene.call();
    const [inner] = scene.below.calls;
    inner?.end();
    inner?.endAgain(status.ABORTED);
    inner?.sendMetadata();
    inner?.send('late');
    expect(made.events).toEqual(['OK']);
    expect(scene.interceptor.stats().inFlightCalls).toBe(0);
  });

  it('gets the deadline and the parent for itself, once the call is admitted', async () => {
    const scene = full();
    const parent = new Parent();
    const deadline = scene.clock.now() + 50;
    const made = scene.call({ parent: parent.asCall, deadline });
    scene.release();
    expect(scene.below.calls[1]?.options).toMatchObject({ parent: parent.asCall, deadline });
    expect(parent.listenerCount('cancelled')).toBe(0);
    scene.clock.advance(1_000);
    await settled();
    expect(made.statuses).toEqual([]);
  });
});

describe('a listener that throws', () => {
  it.each(['metadata', 'message', 'status'])('is told of it by itself, and costs nobody a slot: %s', async (what) => {
    const scene = full({ limit: 2 });
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    try {
      const custom = scene.interceptor({ method_definition: methodDefinition() }, (options) =>
        scene.below.nextCall(options),
      );
      const boom = (name: string) => (): void => {
        if (name === what) throw new Error(`boom at ${name}`);
      };
      custom.start(new Metadata(), {
        onReceiveMetadata: boom('metadata'),
        onReceiveMessage: boom('message'),
        onReceiveStatus: boom('status'),
      });
      const waiting = scene.call();
      const inner = scene.below.calls[1];
      inner?.sendMetadata();
      inner?.send('x');
      inner?.end();
      await settled();
      expect(thrown).toEqual([new Error(`boom at ${what}`)]);
      expect(scene.below.calls).toHaveLength(3);
      scene.below.calls[2]?.end();
      expect(waiting.code).toBe('OK');
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});

function methodDefinition(): InterceptorOptions['method_definition'] {
  return {
    path: '/echo.Echo/Call',
    requestStream: false,
    responseStream: false,
    requestSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: String,
  };
}

describe('the limit', () => {
  it('is 100 by default', () => {
    const scene = setUp();
    for (let count = 0; count < 103; count += 1) scene.call();
    expect(scene.interceptor.stats()).toMatchObject({ limit: 100, inFlightCalls: 100, queuedCalls: 3 });
    for (const inner of scene.below.running) inner.end();
  });

  it('lets waiting calls in when a sample makes it grow, as many as it grew', () => {
    const limit = new SetLimit(1);
    const scene = setUp({ limit });
    for (let count = 0; count < 6; count += 1) scene.call();
    limit.onSample = () => void (limit.current = 3);
    scene.below.calls[0]?.end();
    expect(scene.interceptor.stats()).toMatchObject({ limit: 3, inFlightCalls: 3, queuedCalls: 2 });
  });

  it('lets none in while more are in flight than it has shrunk to', () => {
    const limit = new SetLimit(4);
    const scene = setUp({ limit });
    for (let count = 0; count < 6; count += 1) scene.call();
    limit.current = 2;
    for (const [index, inFlightCalls] of [3, 2, 2, 2].entries()) {
      scene.below.calls[index]?.end();
      expect(scene.interceptor.stats().inFlightCalls).toBe(inFlightCalls);
    }
    expect(scene.below.calls).toHaveLength(6);
  });

  it('that has grown by itself is noticed by the next call, which lets those who wait go first', () => {
    const limit = new SetLimit(1);
    const scene = setUp({ limit });
    for (const message of ['a', 'b', 'c']) scene.call({ message });
    limit.current = 3;
    scene.call({ message: 'd' });
    expect(scene.below.calls.map(({ messages }) => messages[0])).toEqual(['a', 'b', 'c']);
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 3, queuedCalls: 1 });
  });

  it.each([0, -5, NaN])('of %s still lets one call be in flight', (current) => {
    const scene = setUp({ limit: new SetLimit(current) });
    const made = scene.call();
    scene.call();
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 1 });
    scene.below.calls[0]?.end();
    expect([made.code, scene.below.calls.length]).toEqual(['OK', 2]);
  });

  it('hears of each unary call that the server answered: how long it took and how many there were', () => {
    const limit = new SetLimit(10);
    const scene = setUp({ limit });
    const codes = [
      [status.OK, false],
      [status.NOT_FOUND, false],
      [status.DEADLINE_EXCEEDED, true],
      [status.UNAVAILABLE, true],
      [status.RESOURCE_EXHAUSTED, true],
    ] as const;
    for (const _code of codes) scene.call();
    for (const [index, [code]] of codes.entries()) {
      scene.clock.advance(10);
      scene.below.calls[index]?.end(code);
    }
    expect(limit.samples).toEqual(
      codes.map(([, dropped], index) => ({ rttMs: 10 * (index + 1), inFlight: index + 1, dropped })),
    );
  });

  it('hears nothing of calls that were cancelled, refused by us or below, or that stream', async () => {
    const limit = new SetLimit(4);
    const scene = setUp({ limit, maxQueuedCalls: 0 });
    scene.call();
    for (const kind of KINDS.slice(1)) scene.call({ kind });
    const shed = scene.call();
    scene.below.calls[0]?.end(status.CANCELLED);
    for (const inner of scene.below.calls.slice(1)) inner.end();
    const below = new InterceptedScene((environment) => boundedQueue({ limit: 1, maxQueuedCalls: 0 }, environment));
    const refused = scene.interceptor({ method_definition: methodDefinition() }, (options) =>
      below.interceptor(options, below.below.nextCall),
    );
    below.call();
    const refusals: unknown[] = [];
    refused.start(new Metadata(), { onReceiveStatus: (received) => void refusals.push(explain(received)?.refusedBy) });
    await settled();
    expect([shed.code, refusals, limit.samples]).toEqual(['RESOURCE_EXHAUSTED', ['queue-full'], []]);
  });

  it('that throws is warned of once, and does no harm', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const scene = full({
      limit: {
        current: 1,
        onSample: () => {
          throw new Error('confused');
        },
      },
    });
    const made = [scene.call(), scene.call()];
    for (let count = 0; count < 3; count += 1) scene.below.calls[count]?.end();
    await settled();
    process.off('warning', onWarning);
    expect(made.map(({ code }) => code)).toEqual(['OK', 'OK']);
    expect(warnings).toEqual(['boundedQueue: a limit threw in onSample: Error: confused']);
  });
});

describe('streaming calls', () => {
  it('take slots of the limit by default, and hold them until their status', () => {
    const scene = setUp({ limit: 2 });
    for (const kind of ['server-stream', 'bidi'] as const) scene.call({ kind });
    const unary = scene.call();
    scene.below.calls[0]?.sendMetadata();
    scene.below.calls[0]?.send('x');
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 2, inFlightStreams: 0, queuedCalls: 1 });
    scene.below.calls[0]?.end();
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 2, queuedCalls: 0 });
    scene.below.calls[2]?.end();
    expect(unary.code).toBe('OK');
  });

  it('with a limit of their own leave the slots of unary calls alone', () => {
    const scene = setUp({ limit: 1, streamLimit: 2 });
    for (const kind of ['bidi', 'server-stream', 'client-stream'] as const) scene.call({ kind });
    scene.call();
    scene.call();
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 2, queuedCalls: 2 });
    scene.below.calls[0]?.end();
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 2, queuedCalls: 1 });
    scene.below.calls[2]?.end();
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 2, queuedCalls: 0 });
  });

  it('wait within the same bounds', async () => {
    const scene = setUp({ limit: 1, streamLimit: 1, maxQueuedCalls: 2, maxQueuedBytes: 12 });
    for (const kind of ['unary', 'server-stream', 'unary', 'server-stream'] as const) scene.call({ kind });
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 2, queuedBytes: 10 });
    const shed = [scene.call(), scene.call({ kind: 'bidi' })];
    scene.interceptor.update({ maxQueuedCalls: 3 });
    const tooLarge = scene.call({ kind: 'server-stream' });
    await settled();
    expect(shed.map(({ ending }) => explain(ending)?.refusedBy)).toEqual(['queue-full', 'queue-full']);
    expect(explain(tooLarge.ending)?.refusedBy).toBe('queue-bytes');
  });

  it('that wait go where they belong when they are counted apart, or no more', () => {
    const scene = setUp({ limit: 1 });
    scene.call({ message: 'running' });
    for (const message of ['stream a', 'stream b']) scene.call({ kind: 'server-stream', message });
    scene.call({ message: 'unary' });
    scene.interceptor.update({ streamLimit: 1 });
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 1, queuedCalls: 2 });
    scene.interceptor.update({ streamLimit: Infinity });
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 1, queuedCalls: 2 });
    for (const inner of [0, 1, 2]) scene.below.calls[inner]?.end();
    const sent = scene.below.calls.map(({ messages }) => messages[0]);
    expect(sent).toEqual(['running', 'stream a', 'stream b', 'unary']);
    expect(scene.interceptor.stats()).toMatchObject({ inFlightCalls: 1, inFlightStreams: 0, queuedBytes: 0 });
  });
});

describe('update', () => {
  it('changes what is given, keeps the rest, and lets in whom there is room for', () => {
    const scene = setUp({ limit: 1, maxQueuedCalls: 4 });
    for (let count = 0; count < 5; count += 1) scene.call();
    scene.interceptor.update({ limit: 3 });
    expect(scene.interceptor.stats()).toMatchObject({ limit: 3, inFlightCalls: 3, queuedCalls: 2 });
    scene.interceptor.update({ maxQueuedCalls: 2 });
    expect(scene.interceptor.stats()).toMatchObject({ limit: 3, inFlightCalls: 3, queuedCalls: 2, shedCalls: 0 });
    scene.call();
    expect(scene.interceptor.stats()).toMatchObject({ queuedCalls: 2, shedCalls: 1 });
  });

  it('changes nothing when a value is wrong', () => {
    const scene = setUp({ limit: 7 });
    expect(() => scene.interceptor.update({ limit: 3, maxQueuedCalls: -1 })).toThrow(RangeError);
    expect(scene.interceptor.stats().limit).toBe(7);
  });
});

describe('onShed', () => {
  it('tells of each refused call, and of no other', () => {
    const scene = full({ maxQueuedCalls: 1, maxQueueTimeMs: 50 });
    const reports: ShedReport[] = [];
    const subscription = scene.interceptor.onShed((report) => reports.push(report));
    const kinds = ['bidi', 'unary'] as const;
    for (const kind of kinds) scene.call({ kind, metadata: { tenant: kind }, host: 'elsewhere' });
    scene.call({ deadline: scene.clock.now() - 1 });
    scene.clock.advance(50);
    scene.call().call.cancelWithStatus(status.CANCELLED, '');
    subscription[Symbol.dispose]();
    scene.call();
    scene.call();
    expect(reports.map(({ call, explanation }) => [call.kind, explanation.refusedBy])).toEqual([
      ['unary', 'queue-full'],
      ['bidi', 'queue-time'],
    ]);
    const { method, deadline, host, metadata } = (reports[0] as ShedReport).call;
    expect([method, deadline, host, metadata.get('tenant')]).toEqual([
      '/echo.Echo/Call',
      Infinity,
      'elsewhere',
      ['unary'],
    ]);
    expect(scene.interceptor.stats().shedCalls).toBe(3);
  });

  it('does not mind a listener that throws', async () => {
    const scene = full({ maxQueuedCalls: 0 });
    scene.interceptor.onShed(() => {
      throw new Error('boom');
    });
    const made = scene.call();
    await settled();
    expect(made.code).toBe('RESOURCE_EXHAUSTED');
  });
});

describe('order', () => {
  const tags = (scene: Scene): unknown[] => scene.below.calls.slice(1).map(({ messages }) => messages[0]);

  function drain(scene: Scene): void {
    for (let index = 0; index < scene.below.calls.length; index += 1) scene.below.calls[index]?.end();
  }

  it('is by arrival, newest first, or by priority of the call', () => {
    const orders = {
      fifo: { order: 'fifo' },
      lifo: { order: 'lifo' },
      priority: { order: 'priority', priority: ({ metadata }) => Number(metadata.get('priority')[0]) },
    } as const satisfies Record<string, BoundedQueueOptions>;
    const seen = Object.values(orders).map((options) => {
      const scene = full(options);
      for (const [index, message] of ['a', 'b', 'c'].entries()) {
        scene.call({ message, metadata: { priority: String([5, 9, 7][index]) } });
      }
      drain(scene);
      return tags(scene);
    });
    expect(seen).toEqual([
      ['a', 'b', 'c'],
      ['c', 'b', 'a'],
      ['b', 'c', 'a'],
    ]);
  });

  it('tells those who are pushed out by a newer or more urgent one', async () => {
    const scene = full({ order: 'lifo', maxQueuedCalls: 1 });
    const pushedOut = scene.call({ message: 'old' });
    scene.call({ message: 'new' });
    await settled();
    expect(explain(pushedOut.ending)?.refusedBy).toBe('queue-full');
    scene.release();
    expect(tags(scene)).toEqual(['new']);
  });

  it('gives partitions their shares of the slots while both want them', () => {
    const scene = setUp({
      limit: 10,
      partition: ({ metadata }) => String(metadata.get('tenant')[0]),
      shares: { gold: 0.8, rest: 0.2 },
    });
    for (let count = 0; count < 50; count += 1) scene.call({ metadata: { tenant: 'rest' } });
    expect(scene.interceptor.stats().inFlightCalls).toBe(10);
    for (let count = 0; count < 50; count += 1) scene.call({ metadata: { tenant: 'gold' } });
    for (let count = 0; count < 30; count += 1) scene.below.running[0]?.end();
    const tenants = scene.below.running.map(({ metadata }) => metadata?.get('tenant')[0]);
    expect(tenants.filter((tenant) => tenant === 'gold')).toHaveLength(8);
    drain(scene);
  });
});

describe('what it refuses to be made of', () => {
  it.each([
    [{ limit: 0 }, 'boundedQueue: limit must be a number from 1 to 10000000, or Infinity, got 0'],
    [{ limit: 1.5 }, 'boundedQueue: limit must be a whole number from 1 to 10000000, or Infinity, got 1.5'],
    [
      { limit: 'many' as never },
      "boundedQueue: limit must be a whole number from 1 to 10000000, Infinity, or a ConcurrencyLimit with current and onSample, got 'many'",
    ],
    [
      { limit: null as never },
      'boundedQueue: limit must be a whole number from 1 to 10000000, Infinity, or a ConcurrencyLimit with current and onSample, got null',
    ],
    [{ streamLimit: 0 }, 'boundedQueue: streamLimit must be a number from 1 to 10000000, or Infinity, got 0'],
    [{ maxQueuedCalls: -1 }, 'queue: maxQueuedCalls must be a number from 0 to 10000000, or Infinity, got -1'],
    [
      { size: 5 } as never,
      "boundedQueue: unknown option 'size'; known are limit, streamLimit, maxQueuedCalls, maxQueuedBytes, " +
        'maxQueueTimeMs, order, priority, partition, shares',
    ],
    [5 as never, 'boundedQueue: options must be an object, got 5'],
  ])('%o', (options, message) => {
    expect(() => boundedQueue(options)).toThrow(message);
  });

  it('a call whose method an interceptor before it has dropped', () => {
    const scene = setUp();
    expect(() => scene.interceptor({} as InterceptorOptions, scene.below.nextCall)).toThrow(
      'boundedQueue: an interceptor before it has dropped method_definition',
    );
  });
});
