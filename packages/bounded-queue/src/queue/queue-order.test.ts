import { once } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { CallInfo } from '@grpc-manifold/core';
import { FakeClock } from '@grpc-manifold/testing';
import { AdmissionQueue } from './admission-queue.js';
import { resolveQueueOptions, type QueueOptions, type QueueOrder } from './options.js';
import { QueueBudget } from './queue-budget.js';
import type { Queued } from './queued.js';

interface Item extends Queued {
  readonly name: string;
}

/** One whose priority is the number after its name: 'a5'. */
function item(name: string): Item {
  const info: CallInfo = { method: name, kind: 'unary', deadline: Infinity, metadata: new Metadata() };
  return { name, info, queueLinks: undefined };
}

const priority = ({ method }: CallInfo): number => Number(method.slice(1));

function setUp(options: QueueOptions, budget = new QueueBudget()) {
  const clock = new FakeClock();
  const refused: string[] = [];
  const resolved = resolveQueueOptions({ priority, ...options });
  const queue = new AdmissionQueue<Item>(
    resolved,
    clock,
    ({ name }, _waitedMs, refusedBy) => refused.push(`${name} ${refusedBy}`),
    budget,
  );
  const add = (names: string): (string | undefined)[] => names.split(' ').map((name) => queue.add(item(name), 10));
  const served = (): string => {
    const names: string[] = [];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
    return names.join(' ');
  };
  return { add, budget, clock, options: resolved, queue, refused, served };
}

describe('the order', () => {
  it.each<[QueueOrder, string, string]>([
    ['fifo', 'a1 b3 c2 d3 e1', 'a1 b3 c2 d3 e1'],
    ['lifo', 'a1 b3 c2 d3 e1', 'e1 d3 c2 b3 a1'],
    ['priority', 'a1 b3 c2 d3 e1', 'b3 d3 c2 a1 e1'],
    ['priority', 'a-1 b0.5 cInfinity d-Infinity', 'cInfinity b0.5 a-1 d-Infinity'],
  ])('%s serves %s as %s', (order, came, expected) => {
    const { add, served } = setUp({ order });
    add(came);
    expect(served()).toBe(expected);
  });

  it.each(['fifo', 'lifo', 'priority'] as const)('%s tells the oldest first all the same', (order) => {
    const { add, clock, queue, refused } = setUp({ order, maxQueueTimeMs: 100 });
    add('a1 b3 c2');
    expect(queue.items().map(({ name }) => name)).toEqual(['a1', 'b3', 'c2']);
    clock.advance(100);
    expect(refused).toEqual(['a1 queue-time', 'b3 queue-time', 'c2 queue-time']);
  });

  it.each(['fifo', 'lifo', 'priority'] as const)('%s serves what was put back before all others', (order) => {
    const { add, queue, served } = setUp({ order });
    add('a9 b8');
    const back = ['x1', 'y2', 'z0'].map(item) as [Item, Item, Item];
    for (const each of back) queue.putBack(each, 0, 0);
    add('c9');
    queue.remove(back[1]);
    expect(served().slice(0, 5)).toBe('x1 z0');
  });

  it('changes for those who wait', () => {
    const { add, options, queue, served } = setUp({});
    add('a1 b3 c2');
    queue.update({ ...options, order: 'priority' });
    expect(queue.peek()?.name).toBe('b3');
    queue.update({ ...options, order: 'lifo' });
    expect(queue.peek()?.name).toBe('c2');
    queue.update({ ...options, order: 'priority', priority: ({ method }) => -priority({ method } as CallInfo) });
    expect(served()).toBe('a1 c2 b3');
  });

  it.each<[string, unknown]>([
    ['throws', new Error('no idea')],
    ['returns NaN', NaN],
    ['returns a word', '5'],
    ['returns nothing', undefined],
  ])('takes 0 where priority %s, and says so once', async (_what, answer) => {
    const { add, served } = setUp({
      order: 'priority',
      priority: (call) => {
        if (!call.method.startsWith('?')) return priority(call);
        if (answer instanceof Error) throw answer;
        return answer as number;
      },
    });
    const warnings: string[] = [];
    const note = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', note);
    try {
      const warned = once(process, 'warning');
      add('a-1 ?1 b1 ?2');
      await warned;
      await new Promise(setImmediate);
    } finally {
      process.off('warning', note);
    }
    expect(served()).toBe('b1 ?1 ?2 a-1');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^queue: priority (threw: Error: no idea|returned (NaN|'5'|undefined))$/);
  });

  it('asks for the priority of a call once', () => {
    let asked = 0;
    const { queue, served } = setUp({ order: 'priority', priority: () => (asked += 1) });
    const one = item('a');
    expect(queue.ahead(one)).toBe(0);
    queue.add(one, 0);
    queue.remove(one);
    queue.putBack(one, 0, 0);
    served();
    queue.releasePermit(one);
    expect(asked).toBe(1);
  });
});

describe('one that the order would leave waiting', () => {
  it.each(['lifo', 'priority'] as const)('is served within sixteen admissions with %s', (order) => {
    const { add, queue } = setUp({ order, maxQueuedCalls: Infinity });
    add('a0 b0');
    const admitted: (string | undefined)[] = [];
    for (let turn = 1; turn <= 32; turn += 1) {
      add(`n${turn} m${turn}`);
      admitted.push(queue.shift()?.name);
    }
    expect([admitted.indexOf('a0'), admitted.indexOf('b0')]).toEqual([15, 31]);
  });

  it('is so also where calls are told to be taken by who peeks', () => {
    const { add, queue } = setUp({ order: 'lifo' });
    add('old');
    for (let turn = 0; turn < 16; turn += 1) {
      add('new');
      const next = queue.peek() as Item;
      expect(next.name).toBe(turn === 15 ? 'old' : 'new');
      queue.remove(next);
      queue.acquirePermit(next);
      queue.acquirePermit(next);
    }
  });
});

describe('a full queue', () => {
  it.each<[string, QueueOrder, string, string[], (string | undefined)[], string]>([
    ['refuses the newcomer', 'fifo', 'a1 b9', [], ['queue-full', 'queue-full'], 'x1 y2 z3'],
    ['refuses the one that waits longest', 'lifo', 'a1 b9', ['x1', 'y2'], [undefined, undefined], 'b9 a1 z3'],
    ['refuses the lowest for a higher one', 'priority', 'a2 b9', ['x1', 'a2'], [undefined, undefined], 'b9 z3 y2'],
    ['refuses the newest of the lowest', 'priority', 'b9', ['x1'], [undefined], 'b9 z3 y2'],
    ['refuses a newcomer that is no higher', 'priority', 'a1 b0', [], ['queue-full', 'queue-full'], 'z3 y2 x1'],
  ])('%s: %s', (_what, order, came, pushedOut, answers, left) => {
    const { add, refused, served } = setUp({ order, maxQueuedCalls: 3 });
    add('x1 y2 z3');
    expect(add(came)).toEqual(answers);
    expect(refused).toEqual(pushedOut.map((name) => `${name} queue-full`));
    expect(served()).toBe(left);
  });

  it.each(['lifo', 'priority'] as const)('lets in nobody with %s where nobody may wait', (order) => {
    const { add, refused } = setUp({ order, maxQueuedCalls: 0 });
    expect(add('a9')).toEqual(['queue-full']);
    expect(refused).toEqual([]);
  });

  it('pushes nobody out for one that is too large all the same', () => {
    const { add, queue, refused } = setUp({ order: 'lifo', maxQueuedCalls: 2, maxQueuedBytes: 25 });
    add('a b');
    expect(queue.add(item('c'), 16)).toBe('queue-bytes');
    expect(refused).toEqual([]);
    expect(queue.add(item('c'), 15)).toBeUndefined();
    expect(refused).toEqual(['a queue-full']);
    expect(queue.bytes).toBe(25);
  });

  it('never pushes out what was put back', () => {
    const { add, queue, refused } = setUp({ order: 'lifo', maxQueuedCalls: 2 });
    for (const name of ['x', 'y']) queue.putBack(item(name), 0, 0);
    expect(add('a')).toEqual(['queue-full']);
    expect(refused).toEqual([]);
  });

  it('lets in what is put back as it does a newcomer', () => {
    const { add, queue, refused } = setUp({ order: 'lifo', maxQueuedCalls: 2 });
    add('a b');
    expect(queue.putBack(item('x'), 0, 0)).toBeUndefined();
    expect(refused).toEqual(['a queue-full']);
    expect(queue.peek()?.name).toBe('x');
  });

  it('says so when the newcomer has its place, so that nobody takes that', () => {
    const answers: unknown[] = [];
    const clock = new FakeClock();
    const queue: AdmissionQueue<Item> = new AdmissionQueue<Item>(
      resolveQueueOptions({ order: 'lifo', maxQueuedCalls: 1 }),
      clock,
      ({ name }) => {
        answers.push(name, queue.size, queue.peek()?.name);
        if (name === 'a') answers.push(queue.add(item('c'), 0));
      },
    );
    for (const name of ['a', 'b']) queue.add(item(name), 0);
    expect(answers).toEqual(['a', 1, 'b', 'b', 1, 'c', undefined]);
    expect(queue.size).toBe(1);
  });
});

describe('a budget', () => {
  it('bounds two queues by one number of calls and of bytes', () => {
    const budget = new QueueBudget();
    const [one, other] = [0, 1].map(() => setUp({ maxQueuedCalls: 3, maxQueuedBytes: 35 }, budget)) as [
      ReturnType<typeof setUp>,
      ReturnType<typeof setUp>,
    ];
    expect([...one.add('a b'), ...other.add('c d')]).toEqual([undefined, undefined, undefined, 'queue-full']);
    expect([one.queue.size, other.queue.size, budget.calls, budget.bytes]).toEqual([2, 1, 3, 30]);
    expect(other.queue.addBytes(other.queue.peek() as Item, 6)).toBe('queue-bytes');
    one.queue.shift();
    expect(other.queue.add(item('d'), 16)).toBe('queue-bytes');
    expect(other.queue.add(item('d'), 15)).toBeUndefined();
    for (const each of [one, other]) each.served();
    expect([budget.calls, budget.bytes]).toEqual([0, 0]);
  });

  it('has each queue push out its own', () => {
    const budget = new QueueBudget();
    const one = setUp({ maxQueuedCalls: 2, order: 'lifo' }, budget);
    const other = setUp({ maxQueuedCalls: 2, order: 'lifo' }, budget);
    one.add('a b');
    expect(other.add('c')).toEqual(['queue-full']);
    expect(one.add('d')).toEqual([undefined]);
    expect([one.refused, other.refused, budget.calls]).toEqual([['a queue-full'], [], 2]);
  });
});

describe('how many are ahead of a newcomer', () => {
  it.each<[QueueOrder, string, number]>([
    ['fifo', 'n5', 4],
    ['lifo', 'n5', 1],
    ['priority', 'n5', 1],
    ['priority', 'n3', 3],
    ['priority', 'n1', 4],
  ])('is told with %s for %s: %i, what was put back included', (order, name, ahead) => {
    const { add, queue } = setUp({ order });
    add('a1 b3 c4');
    queue.putBack(item('x0'), 0, 0);
    expect(queue.ahead(item(name))).toBe(ahead);
  });
});
