import { EventEmitter } from 'node:events';
import { status, type ServerUnaryCall } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterceptedScene, settled, type ClientCall, type ScriptedInnerCall } from '@grpc-manifold/testing';
import { boundedQueue, type BoundedQueueInterceptor } from './bounded-queue.js';

const MAX_QUEUED_BYTES = 40;
const KINDS = ['unary', 'server-stream', 'client-stream', 'bidi'] as const;

const chance = fc.nat(1_000);
const constant = <const T>(kind: T): fc.Arbitrary<T> => fc.constant(kind);

const changes = fc.record({
  limit: fc.integer({ min: 1, max: 3 }),
  streamLimit: fc.constantFrom(1, 2, Infinity),
  maxQueuedCalls: fc.nat(4),
});

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: constant('start'),
      rpc: fc.constantFrom(...KINDS),
      deadlineInMs: fc.oneof({ weight: 2, arbitrary: constant(Infinity) }, { weight: 1, arbitrary: fc.nat(100) }),
      message: fc.string({ maxLength: 15 }),
      hasParent: fc.boolean(),
      key: fc.nat(3),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: constant('cancel'), which: chance }) },
  { weight: 1, arbitrary: fc.record({ kind: constant('cancel before start') }) },
  { weight: 3, arbitrary: fc.record({ kind: constant('client sends'), which: chance, last: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: constant('server ends'),
      which: chance,
      code: fc.constantFrom(status.OK, status.OK, status.UNAVAILABLE, status.NOT_FOUND),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: constant('server sends'), which: chance }) },
  { weight: 1, arbitrary: fc.record({ kind: constant('parent is cancelled') }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: constant('below'), is: fc.constantFrom('well', 'broken', 'throwing', 'quick') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: constant('update'), changes }) },
  { weight: 4, arbitrary: fc.record({ kind: constant('advance'), ms: fc.nat(80) }) },
  { weight: 3, arbitrary: fc.record({ kind: constant('settle') }) },
);
type Step = typeof step extends fc.Arbitrary<infer Kind> ? Kind : never;

const plan = fc.record({
  changes,
  order: fc.constantFrom('fifo', 'lifo', 'priority'),
  isPartitioned: fc.boolean(),
  losesCancels: fc.boolean(),
  maxQueueTimeMs: fc.oneof(fc.integer({ min: 1, max: 200 }), constant(Infinity)),
  // Without a size fast-check makes ten at the most, five on average.
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
  after: fc.array(step, { maxLength: 8 }),
});
type Plan = typeof plan extends fc.Arbitrary<infer Kind> ? Kind : never;

/** Cheap: it is asked some hundred thousand times. */
function must(holds: boolean, what: string, ...numbers: unknown[]): void {
  if (!holds) throw new Error(`${what}: ${numbers.map((number) => JSON.stringify(number)).join(', ')}`);
}

function any<T>(of: readonly T[], which: number): T | undefined {
  return of[which % Math.max(of.length, 1)];
}

/** A server call as far as its children see it. */
class Parent extends EventEmitter {
  cancelled = false;

  getDeadline(): number {
    return Infinity;
  }
}

/** One queue, everything that is done to it, and what must hold all the while. */
class Interleaving {
  readonly scene: InterceptedScene<BoundedQueueInterceptor>;
  readonly calls: ClientCall[] = [];
  readonly #parent = new Parent();
  #changes: Plan['changes'];
  #mostQueued = 0;
  #inFlightBefore = 0;
  #streamsBefore = 0;
  /** What the queue says of the calls that it let out. */
  #shedCalls = 0;

  constructor(plan: Plan) {
    this.#changes = plan.changes;
    const { order, isPartitioned, maxQueueTimeMs } = plan;
    this.scene = new InterceptedScene((environment) =>
      boundedQueue(
        {
          ...plan.changes,
          order,
          maxQueueTimeMs,
          maxQueuedBytes: MAX_QUEUED_BYTES,
          priority: ({ metadata }) => Number(metadata.get('key')[0]),
          ...(isPartitioned
            ? { partition: ({ metadata }) => String(metadata.get('key')[0]), shares: { 0: 0.5, 1: 0.3 } }
            : {}),
        },
        environment,
      ),
    );
    this.scene.below.losesCancels = plan.losesCancels;
    this.scene.interceptor.onShed(() => (this.#shedCalls += 1));
  }

  get #running(): ScriptedInnerCall[] {
    return this.scene.below.running;
  }

  async carryOut(each: Step): Promise<void> {
    const { below, clock, interceptor } = this.scene;
    this.#mostQueued = Math.max(interceptor.stats().queuedCalls, this.#changes.maxQueuedCalls);
    if (each.kind === 'start') this.#start(each);
    else if (each.kind === 'cancel') any(this.calls, each.which)?.call.cancelWithStatus(status.CANCELLED, 'enough');
    else if (each.kind === 'cancel before start') {
      const made = this.scene.create();
      made.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
      this.calls.push(made.start());
    } else if (each.kind === 'client sends') {
      const { call } = any(this.calls, each.which) ?? {};
      if (each.last) call?.halfClose();
      else call?.sendMessageWithContext({ callback: () => undefined }, 'more' as never);
    } else if (each.kind === 'server ends') any(this.#running, each.which)?.end(each.code);
    else if (each.kind === 'server sends') any(this.#running, each.which)?.send('answer');
    else if (each.kind === 'parent is cancelled') {
      this.#parent.cancelled = true;
      this.#parent.emit('cancelled');
    } else if (each.kind === 'below') {
      below.broken = each.is === 'broken' ? new Error('broken') : undefined;
      below.onStart = (inner) => {
        if (each.is === 'quick') inner.end();
        else if (each.is === 'throwing') throw new Error('throwing');
      };
    } else if (each.kind === 'update') {
      this.#changes = each.changes;
      interceptor.update(each.changes);
    } else if (each.kind === 'advance') clock.advance(each.ms);
    else await settled();
  }

  /** What must hold after each step. */
  check(): void {
    const { clock, interceptor } = this.scene;
    const stats = interceptor.stats();
    const { limit, streamLimit } = this.#changes;
    // A limit that was lowered below what runs lets that run on, and lets nothing more in.
    const most = Math.max(limit, this.#inFlightBefore);
    must(stats.inFlightCalls >= 0 && stats.inFlightCalls <= most, 'in flight', stats, most);
    const mostStreams = Math.max(streamLimit, this.#streamsBefore);
    must(stats.inFlightStreams >= 0 && stats.inFlightStreams <= mostStreams, 'streams in flight', stats, mostStreams);
    [this.#inFlightBefore, this.#streamsBefore] = [stats.inFlightCalls, stats.inFlightStreams];
    must(stats.queuedCalls <= this.#mostQueued, 'queued calls', stats.queuedCalls, this.#mostQueued);
    must(stats.queuedBytes >= 0 && stats.queuedBytes <= MAX_QUEUED_BYTES, 'queued bytes', stats.queuedBytes);
    must(stats.queuedCalls > 0 || stats.queuedBytes + stats.oldestWaitMs === 0, 'of nobody', stats);
    const areFull = stats.inFlightCalls >= limit || stats.inFlightStreams >= streamLimit;
    must(stats.queuedCalls === 0 || areFull, 'calls wait that there is room for', stats);
    for (const { statuses, events } of this.calls) {
      must(statuses.length <= 1 && !events.some((event) => event.endsWith('after the status')), 'statuses', events);
    }
    must(stats.shedCalls === this.#shedCalls, 'shed calls', stats.shedCalls, this.#shedCalls);
    // One where any call waits, and one where any stream does.
    must(clock.refdTimers <= 2 && clock.refdTimers > 0 === stats.queuedCalls > 0, 'timers', clock.refdTimers, stats);
    const listeners = this.#parent.listenerCount('cancelled');
    must(listeners <= Math.min(stats.queuedCalls, 1), 'listeners on the parent', listeners);
  }

  /** What must hold once nothing is under way. */
  checkAtRest(): void {
    const { inFlightCalls, inFlightStreams, queuedCalls } = this.scene.interceptor.stats();
    const open = this.calls.filter(({ statuses }) => statuses.length === 0).length;
    must(inFlightCalls + inFlightStreams + queuedCalls === open, 'open calls', inFlightCalls, queuedCalls, open);
    for (const { log } of this.scene.below.calls) {
      must(log[0] === 'start' && log.lastIndexOf('start') === 0, 'what a call below was asked', log);
    }
  }

  #start({ rpc, deadlineInMs, message, hasParent, key }: Extract<Step, { kind: 'start' }>): void {
    const made = this.scene.call({
      kind: rpc,
      message,
      deadline: this.scene.clock.now() + deadlineInMs,
      metadata: { key: `${key}` },
      ...(hasParent && !this.#parent.cancelled
        ? { parent: this.#parent as unknown as ServerUnaryCall<unknown, unknown> }
        : {}),
    });
    this.calls.push(made);
    made.call.startRead();
    if (rpc === 'client-stream' || rpc === 'bidi') {
      made.call.sendMessageWithContext({ callback: () => undefined }, message as never);
    }
  }
}

describe('any interleaving of calls, endings and changes', () => {
  it('keeps the promises of the queue', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const run = new Interleaving(given);
        const { below, clock, interceptor } = run.scene;
        for (const each of given.steps) {
          await run.carryOut(each);
          run.check();
        }
        await settled();
        run.check();
        run.checkAtRest();
        interceptor[Symbol.dispose]();
        run.check();
        for (const each of given.after) {
          await run.carryOut(each);
          run.check();
        }
        must(interceptor.stats().queuedCalls === 0, 'calls that wait for nothing');
        for (const inner of below.running) inner.end();
        await settled();
        run.checkAtRest();
        for (const { statuses } of run.calls) must(statuses.length === 1, 'statuses in the end', statuses.length);
        expect(clock.pendingTimers).toBe(0);
      }),
      { seed: 20_260_304, numRuns: 1_500 },
    );
  });
});
