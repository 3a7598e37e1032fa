import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallInfo } from '@grpc-manifold/core';
import { FakeClock } from '@grpc-manifold/testing';
import { AdmissionQueue } from './admission-queue.js';
import { QUEUE_ORDERS, resolveQueueOptions, type ResolvedQueueOptions } from './options.js';
import { QueueBudget } from './queue-budget.js';
import type { Queued } from './queued.js';

const KEYS = ['a', 'b', 'c', 'd'] as const;

class Item implements Queued {
  queueLinks: Queued['queueLinks'];
  sinceMs = 0;
  serial = 0;
  bytes = 0;
  readonly info: CallInfo;

  constructor(
    readonly name: string,
    readonly key: string,
    readonly priority: number,
  ) {
    this.info = { method: `${key}/${priority}`, kind: 'unary', deadline: Infinity, metadata: new Metadata() };
  }
}

const bound = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(Infinity));
const time = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(Infinity));
const order = fc.constantFrom(...QUEUE_ORDERS);
const shares = fc.constantFrom({}, { a: 0.8, b: 0.2 }, { a: 0.5 }, { a: 0.25, b: 0.25, c: 0.25, d: 0.125 });
const which = fc.nat(1_000);

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      bytes: fc.nat(40),
      key: fc.constantFrom(...KEYS, 'a', 'a'),
      priority: fc.constantFrom(-1, 0, 1, 2.5, Infinity),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('addBytes' as const), which, bytes: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('shift' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      key: fc.constantFrom(...KEYS),
      count: fc.constantFrom(1, 1, 7, 15),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('put back' as const), which, bytes: fc.nat(40), waitedMs: fc.nat(60) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bounds' as const),
      maxQueuedCalls: bound,
      maxQueuedBytes: bound.map((value) => value * 30),
      maxQueueTimeMs: time,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('order' as const), order }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shares' as const), shares }) },
);
type Step = typeof step extends fc.Arbitrary<infer Kind> ? Kind : never;

/** The rules, on arrays. */
class Model {
  /** In the order in which they came. */
  came: Item[] = [];
  putBacks: Item[] = [];
  inFlight: Item[] = [];
  readonly #turns = new Map<string, number>();
  #serial = 0;

  constructor(
    public options: ResolvedQueueOptions,
    readonly clock: FakeClock,
  ) {}

  get waiting(): Item[] {
    const all = [...this.putBacks, ...this.came];
    return all.sort((one, other) => one.sinceMs - other.sinceMs);
  }

  get bytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  key(item: Item): string {
    return this.options.partition === undefined ? '' : item.key;
  }

  weight(key: string): number {
    const named = this.options.shares ?? {};
    const left = 1 - Object.values(named).reduce((sum, share) => sum + share, 0);
    return named[key] ?? (left > 1e-9 ? left : Math.min(...Object.values(named)));
  }

  of(key: string): Item[] {
    return this.came.filter((each) => this.key(each) === key);
  }

  fill(key: string): number {
    return this.of(key).length / this.weight(key);
  }

  load(key: string): number {
    return this.inFlight.filter((each) => this.key(each) === key).length / this.weight(key);
  }

  get keys(): string[] {
    return [...new Set(this.came.map((each) => this.key(each)))];
  }

  get next(): Item | undefined {
    if (this.putBacks.length > 0) return this.putBacks[0];
    // Sorting keeps the order of equals, and keys come in the order of their oldest.
    const [key] = this.keys.sort((one, other) => this.load(one) - this.load(other));
    if (key === undefined) return undefined;
    const line = this.of(key);
    if (this.options.order === 'fifo' || (this.#turns.get(key) ?? 0) % 16 === 15) return line[0];
    if (this.options.order === 'lifo') return line.at(-1);
    const highest = Math.max(...line.map(({ priority }) => priority));
    return line.find(({ priority }) => priority === highest);
  }

  /** Who goes first of one key when there is no room. */
  last(key: string): Item | undefined {
    const line = this.of(key);
    if (this.options.order === 'lifo') return line[0];
    if (this.options.order === 'fifo') return line.at(-1);
    const lowest = Math.min(...line.map(({ priority }) => priority));
    return line.findLast(({ priority }) => priority === lowest);
  }

  /** What an arrival is refused by, or who is refused instead of it. */
  arrive(
    item: Item,
    bytes: number,
    waitedMs?: number,
  ): { refusedBy?: string; victim?: Item; victimRefusedBy?: string } {
    const { maxQueuedCalls, maxQueuedBytes, order } = this.options;
    const own = this.key(item);
    let victim: Item | undefined;
    let refusedBy = 'queue-full';
    if (this.waiting.length >= maxQueuedCalls) {
      if (this.keys.some((key) => key !== own)) refusedBy = 'share';
      const most = Math.max(...this.keys.map((key) => this.fill(key)), this.fill(own));
      const fullest = this.keys.filter((key) => this.fill(key) === most).at(-1);
      if (fullest !== undefined && this.fill(own) < most) victim = this.last(fullest);
      else if (order === 'lifo') victim = this.last(own);
      else if (order === 'priority' && (this.last(own)?.priority ?? Infinity) < item.priority) victim = this.last(own);
      if (victim === undefined) return { refusedBy };
    }
    if (this.bytes + bytes - (victim?.bytes ?? 0) > maxQueuedBytes) return { refusedBy: 'queue-bytes' };
    if (victim !== undefined) this.remove(victim);
    item.bytes = bytes;
    item.serial = this.#serial += 1;
    if (waitedMs === undefined) {
      item.sinceMs = this.clock.elapsed();
      this.came.push(item);
    } else {
      item.sinceMs = Math.max(this.clock.elapsed() - waitedMs, this.putBacks.at(-1)?.sinceMs ?? 0);
      this.putBacks.push(item);
    }
    return victim === undefined ? {} : { victim, victimRefusedBy: refusedBy };
  }

  remove(item: Item): void {
    this.came = this.came.filter((each) => each !== item);
    this.putBacks = this.putBacks.filter((each) => each !== item);
    this.#forget(item);
  }

  took(item: Item): void {
    this.inFlight.push(item);
    const key = this.key(item);
    this.#turns.set(key, (this.#turns.get(key) ?? 0) + 1);
  }

  left(item: Item): void {
    this.inFlight = this.inFlight.filter((each) => each !== item);
    this.#forget(item);
  }

  /** A key that nothing is held of begins anew. */
  #forget(item: Item): void {
    const isHeld = [...this.waiting, ...this.inFlight].some((each) => each.key === item.key);
    if (!isHeld && this.options.partition !== undefined) this.#turns.delete(item.key);
  }
}

/** A queue, and the model that it must do the same as. */
class Comparison {
  readonly clock = new FakeClock();
  readonly budget = new QueueBudget();
  readonly queue: AdmissionQueue<Item>;
  readonly model: Model;
  #refused: string[] = [];
  #count = 0;

  constructor(options: ResolvedQueueOptions) {
    this.model = new Model(options, this.clock);
    this.queue = new AdmissionQueue<Item>(
      options,
      this.clock,
      (item, waitedMs, refusedBy) => this.#refused.push(`${item.name} ${refusedBy} ${waitedMs}`),
      this.budget,
    );
  }

  carryOut(each: Step): void {
    const { clock, model, queue } = this;
    const { waiting } = model;
    const chosen = 'which' in each ? waiting[each.which % Math.max(waiting.length, 1)] : undefined;
    const flying = 'which' in each ? model.inFlight[each.which % Math.max(model.inFlight.length, 1)] : undefined;
    switch (each.kind) {
      case 'add':
        this.#arrive(new Item(`${(this.#count += 1)}`, each.key, each.priority), each.bytes);
        break;
      case 'put back': {
        const waitedMs = Math.min(each.waitedMs, clock.elapsed());
        if (flying === undefined) break;
        queue.releasePermit(flying);
        model.left(flying);
        this.#arrive(flying, each.bytes, waitedMs);
        break;
      }
      case 'addBytes': {
        if (chosen === undefined) break;
        const fits = model.bytes + each.bytes <= model.options.maxQueuedBytes;
        if (fits) chosen.bytes += each.bytes;
        expect(queue.addBytes(chosen, each.bytes)).toBe(fits ? undefined : 'queue-bytes');
        break;
      }
      case 'remove':
        if (chosen === undefined) break;
        model.remove(chosen);
        expect([queue.remove(chosen), queue.remove(chosen)]).toEqual([true, false]);
        break;
      case 'shift': {
        const { next } = model;
        expect(queue.shift()).toBe(next);
        if (next === undefined) break;
        model.remove(next);
        model.took(next);
        // Told twice it is counted once.
        queue.acquirePermit(next);
        break;
      }
      case 'take': {
        for (let count = 0; count < each.count; count += 1) {
          const item = new Item(`${(this.#count += 1)}`, each.key, 0);
          queue.acquirePermit(item);
          model.took(item);
          if (count === 0) continue;
          queue.releasePermit(item);
          model.left(item);
        }
        break;
      }
      case 'end':
        if (flying === undefined) break;
        model.left(flying);
        queue.releasePermit(flying);
        queue.releasePermit(flying);
        break;
      case 'advance': {
        clock.advance(each.ms);
        const over = waiting.filter((one) => clock.elapsed() - one.sinceMs >= model.options.maxQueueTimeMs);
        for (const one of over) model.remove(one);
        const told = this.#refused.splice(0).map((text) => text.split(' ').slice(0, 2).join(' '));
        expect(told).toEqual(over.map(({ name }) => `${name} queue-time`));
        break;
      }
      default: {
        const { kind: _kind, ...changed } = each;
        if (model.options.partition === undefined && 'shares' in changed) break;
        model.options = resolveQueueOptions(changed, model.options);
        queue.update(model.options);
      }
    }
  }

  check(sizeBefore: number, bytesBefore: number): void {
    const { budget, clock, model, queue } = this;
    const { waiting } = model;
    expect(this.#refused).toEqual([]);
    expect(queue.items().map(({ name }) => name)).toEqual(waiting.map(({ name }) => name));
    expect(queue.peek()?.name).toBe(model.next?.name);
    expect([queue.size, queue.bytes]).toEqual([waiting.length, model.bytes]);
    expect([budget.calls, budget.bytes]).toEqual([queue.size, queue.bytes]);
    // Only narrower bounds may leave it beyond them, and then nothing makes it worse.
    expect(queue.size).toBeLessThanOrEqual(Math.max(sizeBefore, model.options.maxQueuedCalls));
    expect(queue.bytes).toBeLessThanOrEqual(Math.max(bytesBefore, model.options.maxQueuedBytes));
    expect(queue.oldestWaitMs).toBe(waiting[0] === undefined ? 0 : clock.elapsed() - waiting[0].sinceMs);
    expect(clock.refdTimers).toBe(waiting.length > 0 ? 1 : 0);
    expect(clock.pendingTimers).toBeLessThanOrEqual(1);
    for (const item of model.inFlight) {
      const facts = queue.partitionOf(item);
      if (facts === undefined) break;
      expect(facts.inFlightCalls / model.weight(item.key)).toBeCloseTo(model.load(item.key));
      expect(facts.queuedCalls).toBe(model.of(item.key).length);
    }
  }

  end(): void {
    while (this.queue.shift() !== undefined);
    expect([this.queue.size, this.queue.bytes, this.clock.refdTimers]).toEqual([0, 0, 0]);
    this.queue.close();
    expect(this.clock.pendingTimers).toBe(0);
  }

  #arrive(item: Item, bytes: number, waitedMs?: number): void {
    const { clock, model, queue } = this;
    const { refusedBy, victim, victimRefusedBy } = model.arrive(item, bytes, waitedMs);
    const answer = waitedMs === undefined ? queue.add(item, bytes) : queue.putBack(item, bytes, waitedMs);
    expect(answer).toBe(refusedBy);
    const told = victim && `${victim.name} ${victimRefusedBy} ${clock.elapsed() - victim.sinceMs}`;
    expect(this.#refused.splice(0)).toEqual(told === undefined ? [] : [told]);
  }
}

describe('any sequence of what can be done to a queue', () => {
  it.each([
    ['with partitions', true],
    ['without', false],
  ])('does what arrays do, %s', (_what, isPartitioned) => {
    fc.assert(
      fc.property(order, shares, fc.array(step, { maxLength: 100, size: 'max' }), (order, shares, steps) => {
        const options = resolveQueueOptions({
          maxQueuedCalls: 8,
          maxQueuedBytes: 250,
          maxQueueTimeMs: 100,
          order,
          priority: ({ method }) => Number(method.split('/')[1]),
          ...(isPartitioned ? { partition: ({ method }) => method.split('/')[0] as string, shares } : {}),
        });
        const run = new Comparison(options);
        for (const each of steps) {
          const [size, bytes] = [run.queue.size, run.queue.bytes];
          run.carryOut(each);
          run.check(size, bytes);
        }
        run.end();
      }),
      { seed: 20_260_102, numRuns: 300 },
    );
  });
});
