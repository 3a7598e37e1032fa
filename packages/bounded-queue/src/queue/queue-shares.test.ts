import { once } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { CallInfo } from '@grpc-manifold/core';
import { FakeClock } from '@grpc-manifold/testing';
import { AdmissionQueue } from './admission-queue.js';
import { resolveQueueOptions, type QueueOptions } from './options.js';
import { MAX_UNNAMED_KEYS } from './partitions.js';
import type { Queued } from './queued.js';

interface Item extends Queued {
  readonly name: string;
}

/** One of the partition that its name begins with: 'a.1'. */
function item(name: string): Item {
  const info: CallInfo = { method: name, kind: 'unary', deadline: Infinity, metadata: new Metadata() };
  return { name, info, queueLinks: undefined };
}

function setUp(options: QueueOptions = {}) {
  const clock = new FakeClock();
  const refused: string[] = [];
  const resolved = resolveQueueOptions({ partition: ({ method }) => method.split('.')[0] as string, ...options });
  const queue = new AdmissionQueue<Item>(resolved, clock, ({ name }, _waitedMs, refusedBy) => {
    refused.push(`${name} ${refusedBy}`);
  });
  const add = (names: string): (string | undefined)[] => names.split(' ').map((name) => queue.add(item(name), 0));
  /** So many are admitted, and stay. */
  const serve = (count: number): string => Array.from({ length: count }, () => queue.shift()?.name).join(' ');
  return { add, clock, options: resolved, queue, refused, serve };
}

/** Names of so many of a partition, from a number on. */
function some(key: string, count: number, from = 1): string {
  return Array.from({ length: count }, (_, index) => `${key}.${from + index}`).join(' ');
}

describe('the next to be served', () => {
  it.each<[string, QueueOptions, string, string]>([
    ['is of the partition that has least in flight', {}, 'a.1 a.2 a.3 b.1 c.1', 'a.1 b.1 c.1 a.2 a.3'],
    ['is of the one whose oldest waits longest, of equals', {}, 'b.1 a.1 a.2 b.2', 'b.1 a.1 a.2 b.2'],
    [
      'is counted for its share',
      { shares: { a: 0.75, b: 0.25 } },
      `${some('b', 4)} ${some('a', 4)}`,
      'b.1 a.1 a.2 a.3 b.2 a.4 b.3 b.4',
    ],
    [
      'has what the named leave over',
      { shares: { a: 0.75 } },
      `${some('x', 3)} ${some('a', 4)}`,
      'x.1 a.1 a.2 a.3 x.2 a.4 x.3',
    ],
    ['is by the order within its partition', { order: 'lifo' }, 'a.1 a.2 b.1 b.2', 'a.2 b.2 a.1 b.1'],
    ['may be anybody where one partition is alone', { shares: { a: 0.1, b: 0.9 } }, some('a', 4), 'a.1 a.2 a.3 a.4'],
  ])('%s', (_what, options, came, served) => {
    const { add, serve } = setUp(options);
    add(came);
    expect(serve(came.split(' ').length)).toBe(served);
  });

  it('counts those that were admitted without waiting, until they have left', () => {
    const { add, queue, serve } = setUp();
    const running = item('a.0');
    queue.acquirePermit(running);
    add('a.1 b.1 a.2 b.2');
    expect(serve(1)).toBe('b.1');
    queue.releasePermit(running);
    queue.releasePermit(running);
    expect(serve(1)).toBe('a.1');
    expect(queue.partitionOf(running)).toMatchObject({ key: 'a', inFlightCalls: 1, queuedCalls: 1 });
  });

  it('does not count what is put back', () => {
    const { add, queue } = setUp();
    add('a.1 b.1 a.2');
    const refused = queue.shift() as Item;
    queue.releasePermit(refused);
    queue.putBack(refused, 0, 0);
    expect(queue.partitionOf(refused)).toMatchObject({ inFlightCalls: 0, queuedCalls: 1 });
    expect([queue.shift()?.name, queue.shift()?.name, queue.shift()?.name]).toEqual(['a.1', 'b.1', 'a.2']);
    expect(queue.partitionOf(refused)).toMatchObject({ inFlightCalls: 2, queuedCalls: 0 });
  });
});

describe('a full queue with partitions', () => {
  it.each<[string, QueueOptions, string, string, (string | undefined)[], string[]]>([
    ['refuses the newest of the fullest for one of another', {}, some('a', 4), 'b.1', [undefined], ['a.4 share']],
    ['refuses the oldest of the fullest with lifo', { order: 'lifo' }, some('a', 4), 'b.1', [undefined], ['a.1 share']],
    ['refuses who is alone for the whole', {}, some('a', 4), 'a.5', ['queue-full'], []],
    ['refuses one of the fullest for its share', {}, 'a.1 a.2 a.3 b.1', 'a.4', ['share'], []],
    ['refuses one that has as many as the fullest', {}, 'a.1 a.2 b.1 b.2', 'b.3', ['share'], []],
    ['pushes out its own with lifo', { order: 'lifo' }, 'a.1 a.2 a.3 b.1', 'a.4', [undefined], ['a.1 share']],
    [
      'pushes out its own for the whole with lifo alone',
      { order: 'lifo' },
      some('a', 4),
      'a.5',
      [undefined],
      ['a.1 queue-full'],
    ],
    [
      'counts by weight: under its share',
      { shares: { a: 0.75, b: 0.25 } },
      'a.1 a.2 b.1 b.2',
      'a.3',
      [undefined],
      ['b.2 share'],
    ],
    ['counts by weight: at its share', { shares: { a: 0.75, b: 0.25 } }, 'a.1 a.2 a.3 b.1', 'b.2', ['share'], []],
    ['refuses the one that came last, of equally full ones', {}, 'b.1 b.2 a.1 a.2', 'c.1', [undefined], ['a.2 share']],
  ])('%s', (_what, options, waiting, came, answers, pushedOut) => {
    const { add, queue, refused } = setUp({ maxQueuedCalls: 4, ...options });
    add(waiting);
    expect(add(came)).toEqual(answers);
    expect(refused).toEqual(pushedOut);
    expect(queue.size).toBe(4);
  });

  it('refuses the lowest of the fullest with priority', () => {
    const priority = ({ method }: CallInfo): number => Number(method.split('.')[1]);
    const { add, refused } = setUp({ maxQueuedCalls: 3, order: 'priority', priority });
    add('a.5 a.1 a.3');
    expect(add('b.0 a.9 a.2')).toEqual([undefined, undefined, 'share']);
    expect(refused).toEqual(['a.1 share', 'a.3 share']);
  });

  it('tells the numbers of the partition', () => {
    const { add, queue } = setUp({ maxQueuedCalls: 4, shares: { a: 0.75, b: 0.25 } });
    const newcomer = item('b.9');
    expect(queue.partitionOf(newcomer)).toEqual({ key: 'b', ratio: 1, queuedCalls: 0, inFlightCalls: 0 });
    add('a.1 a.2 a.3 b.1');
    expect(queue.add(newcomer, 0)).toBe('share');
    expect(queue.partitionOf(newcomer)).toEqual({ key: 'b', ratio: 0.25, queuedCalls: 1, inFlightCalls: 0 });
    expect(newcomer.queueLinks?.sinceMs).toBe(-1);
  });
});

describe('shares and keys that change', () => {
  it('hold at once for those who wait and those in flight', () => {
    const { add, options, queue, serve } = setUp({ maxQueuedCalls: 100 });
    add(`${some('a', 10)} ${some('b', 10)}`);
    expect(serve(4)).toBe('a.1 b.1 a.2 b.2');
    queue.update({ ...options, shares: { a: 0.8, b: 0.2 } });
    expect(serve(6)).toBe('a.3 a.4 a.5 a.6 a.7 a.8');
    expect(serve(1)).toBe('a.9');
  });

  it('are told apart anew by another function, which forgets what is in flight', () => {
    const { add, options, queue, refused, serve } = setUp({ maxQueuedCalls: 4 });
    const running = item('a.0');
    queue.acquirePermit(running);
    add('a.1 b.2 a.3 b.4');
    queue.update({ ...options, partition: ({ method }) => (Number(method.split('.')[1]) > 2 ? 'late' : 'early') });
    expect(queue.partitionOf(item('x.1'))).toEqual({ key: 'early', ratio: 0.5, queuedCalls: 2, inFlightCalls: 0 });
    queue.releasePermit(running);
    expect(add('x.1')).toEqual(['share']);
    expect([serve(4), refused]).toEqual(['a.1 a.3 b.2 b.4', []]);
  });

  it('are told apart from now on where nobody did', () => {
    const clock = new FakeClock();
    const bare = resolveQueueOptions({});
    const queue = new AdmissionQueue<Item>(bare, clock, () => undefined);
    const running = item('a.0');
    queue.acquirePermit(running);
    for (const name of ['a.1', 'a.2', 'b.1']) queue.add(item(name), 0);
    queue.putBack(item('a.9'), 0, 0);
    queue.update(resolveQueueOptions({ partition: ({ method }) => method.split('.')[0] as string }, bare));
    queue.releasePermit(running);
    expect(Array.from({ length: 4 }, () => queue.shift()?.name)).toEqual(['a.9', 'b.1', 'a.1', 'a.2']);
  });
});

it.each<[string, unknown]>([
  ['throws', new Error('no idea')],
  ['returns a number', 5],
  ['returns nothing', undefined],
])('what partition %s for is counted under one key, and it is said once', async (_what, answer) => {
  const { queue } = setUp({
    partition: () => {
      if (answer instanceof Error) throw answer;
      return answer as string;
    },
  });
  const warned = once(process, 'warning') as Promise<[Error]>;
  for (const name of ['a.1', 'b.1']) queue.add(item(name), 0);
  expect((await warned)[0].message).toMatch(/^queue: partition (threw: Error: no idea|returned (5|undefined))$/);
  expect(queue.partitionOf(item('c.1'))).toMatchObject({ key: '', queuedCalls: 2 });
});

describe('a hundred thousand distinct keys', () => {
  it('are told apart up to a bound, served all the same, and forgotten', () => {
    const count = 100_000;
    const { add, queue } = setUp({ maxQueuedCalls: Infinity, shares: { gold: 0.5 } });
    for (let index = 0; index < count; index += 1) queue.add(item(`k${index}.1`), 1);
    const late = item('late.1');
    expect(queue.partitionOf(late)).toMatchObject({ key: '(others)', queuedCalls: count - MAX_UNNAMED_KEYS });
    add('gold.1');
    const keys = new Set<string | undefined>();
    // Those with a key of their own, the one that has a share, and the first of all others: each has none in flight
    // yet.
    for (let turn = 0; turn < MAX_UNNAMED_KEYS + 2; turn += 1) {
      const next = queue.shift() as Item;
      keys.add(queue.partitionOf(next)?.key);
      queue.releasePermit(next);
      queue.acquirePermit(next);
    }
    expect(keys.size).toBe(MAX_UNNAMED_KEYS + 2);
    for (const each of queue.items()) queue.remove(each);
    expect(queue.partitionOf(late)).toMatchObject({ key: '(others)', queuedCalls: 0 });
    expect([queue.size, queue.bytes]).toEqual([0, 0]);
    queue.close();
  });
});

describe('how many are ahead of a newcomer', () => {
  it.each<[string, QueueOptions, number]>([
    // Two of its own, and two of the other's four meanwhile.
    ['by turns with another', {}, 4],
    ['by weight', { shares: { a: 0.2, b: 0.8 } }, 3],
    ['all of those that have few for their weight', { shares: { a: 0.8, b: 0.2 } }, 6],
    ['nobody where the newest goes first', { order: 'lifo' }, 0],
  ])('is told %s', (_what, options, ahead) => {
    const { add, queue } = setUp(options);
    add('a.1 a.2 a.3 a.4 b.1 b.2');
    expect(queue.ahead(item('b.3'))).toBe(ahead);
  });
});
