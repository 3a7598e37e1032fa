import { describe, expect, it } from 'vitest';
import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { FakeClock } from '@grpc-manifold/testing';
import { AdmissionQueue } from './admission-queue.js';
import { resolveQueueOptions, type QueueOptions } from './options.js';
import type { Queued } from './queued.js';
import type { QueueRefusal } from './refusal.js';

interface Item extends Queued {
  readonly name: string;
}

function item(name: string): Item {
  return { name, queueLinks: undefined };
}

function setUp(limits: QueueOptions = {}, onExpired?: (item: Item, waitedMs: number) => void) {
  const clock = new FakeClock();
  const expired: string[] = [];
  const options = resolveQueueOptions({ maxQueuedCalls: 10, maxQueuedBytes: 1_000, maxQueueTimeMs: 100, ...limits });
  const queue = new AdmissionQueue<Item>(options, clock, (each, waitedMs) => {
    expired.push(`${each.name} after ${waitedMs}`);
    onExpired?.(each, waitedMs);
  });
  return { clock, expired, options, queue };
}

function names(queue: AdmissionQueue<Item>): string {
  return queue
    .items()
    .map((each) => each.name)
    .join(' ');
}

describe('AdmissionQueue', () => {
  it('hands out first what came first', () => {
    const { queue } = setUp();
    for (const name of ['a', 'b', 'c']) expect(queue.add(item(name), 0)).toBeUndefined();
    expect(queue.peek()?.name).toBe('a');
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()].map((each) => each?.name)).toEqual([
      'a',
      'b',
      'c',
      undefined,
    ]);
    expect(queue.peek()).toBeUndefined();
    expect(queue.size).toBe(0);
  });

  it.each([
    ['the first', 'a', 'b c d'],
    ['one in the middle', 'b', 'a c d'],
    ['the last', 'd', 'a b c'],
  ])('takes out %s and keeps the order of the others', (_what, name, left) => {
    const { queue } = setUp();
    const items = ['a', 'b', 'c', 'd'].map(item);
    for (const each of items) queue.add(each, 10);
    const taken = items.find((each) => each.name === name) as Item;
    expect(queue.remove(taken)).toBe(true);
    expect(names(queue)).toBe(left);
    expect([queue.size, queue.bytes]).toEqual([3, 30]);
    expect(queue.remove(taken)).toBe(false);
    expect([queue.size, queue.bytes]).toEqual([3, 30]);
    queue.add(taken, 0);
    expect(names(queue)).toBe(`${left} ${name}`);
  });

  describe('what is put back', () => {
    it('goes before all that came after it, behind what was put back before', () => {
      const { queue } = setUp();
      const [a, b, c] = ['a', 'b', 'c'].map(item) as [Item, Item, Item];
      for (const each of [a, b, c, item('d')]) queue.add(each, 0);
      for (let count = 0; count < 3; count += 1) queue.shift();
      for (const each of [a, b]) expect(queue.putBack(each, 0, 0)).toBeUndefined();
      queue.add(item('e'), 0);
      expect(names(queue)).toBe('a b d e');
      queue.remove(b);
      queue.putBack(c, 0, 0);
      expect(names(queue)).toBe('a c d e');
    });

    it('counts what it had waited, whoever waits behind it', () => {
      const { clock, expired, queue } = setUp();
      const [a, b] = ['a', 'b'].map(item) as [Item, Item];
      clock.advance(30);
      queue.add(item('c'), 0);
      clock.advance(20);
      queue.putBack(a, 0, 50);
      queue.putBack(b, 0, 0);
      expect([queue.waitedMs(a), queue.waitedMs(b), queue.oldestWaitMs]).toEqual([50, 0, 50]);
      expect(names(queue)).toBe('a c b');
      clock.advance(50);
      expect(expired).toEqual(['a after 100']);
      clock.advance(30);
      expect(expired).toEqual(['a after 100', 'c after 100']);
      clock.advance(20);
      expect(expired).toEqual(['a after 100', 'c after 100', 'b after 100']);
    });

    it('counts no longer than those that were put back before it', () => {
      const { clock, queue } = setUp();
      const [a, b] = ['a', 'b'].map(item) as [Item, Item];
      clock.advance(50);
      queue.putBack(a, 0, 10);
      queue.putBack(b, 0, 40);
      expect([queue.waitedMs(a), queue.waitedMs(b)]).toEqual([10, 10]);
    });

    it('keeps to the bounds', () => {
      const { queue } = setUp({ maxQueuedCalls: 2, maxQueuedBytes: 30 });
      expect(queue.putBack(item('a'), 40, 0)).toBe('queue-bytes');
      for (const name of ['a', 'b']) queue.add(item(name), 0);
      expect(queue.putBack(item('c'), 0, 0)).toBe('queue-full');
      expect(queue.putBack(item('c'), 0, 0, 1)).toBeUndefined();
      expect([queue.size, queue.bytes]).toEqual([3, 0]);
    });
  });

  it('does not mind being asked for what never waited', () => {
    const { queue } = setUp();
    queue.add(item('a'), 10);
    expect(queue.remove(item('stranger'))).toBe(false);
    expect([queue.size, queue.bytes]).toEqual([1, 10]);
  });

  describe('its bounds', () => {
    it.each<[string, QueueOptions, number[], (QueueRefusal | undefined)[]]>([
      ['as many calls as it may', { maxQueuedCalls: 2 }, [0, 0, 0], [undefined, undefined, 'queue-full']],
      ['no call at all', { maxQueuedCalls: 0 }, [0], ['queue-full']],
      ['as many bytes as it may', { maxQueuedBytes: 100 }, [60, 40, 1], [undefined, undefined, 'queue-bytes']],
      ['no bytes at all', { maxQueuedBytes: 0 }, [0, 1], [undefined, 'queue-bytes']],
      ['the bound of calls first', { maxQueuedCalls: 1, maxQueuedBytes: 1 }, [1, 1], [undefined, 'queue-full']],
      [
        'everything when there is no bound',
        { maxQueuedCalls: Infinity, maxQueuedBytes: Infinity },
        [Number.MAX_SAFE_INTEGER, 0, 0],
        [undefined, undefined, undefined],
      ],
    ])('let in %s', (_what, limits, sizes, answers) => {
      const { queue } = setUp(limits);
      expect(sizes.map((bytes, index) => queue.add(item(`${index}`), bytes))).toEqual(answers);
    });

    it('do not count those who have a place that is being made ready', () => {
      const { queue } = setUp({ maxQueuedCalls: 1 });
      expect([3, 3, 3, 3, 3].map((expectedRoom, index) => queue.add(item(`${index}`), 0, expectedRoom))).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        'queue-full',
      ]);
      expect(queue.add(item('no room to come'), 0)).toBe('queue-full');
      expect(names(queue)).toBe('0 1 2 3');
    });

    it('leave what they refuse as it was', () => {
      const { clock, queue } = setUp({ maxQueuedCalls: 0 });
      const refused = item('refused');
      queue.add(refused, 5);
      expect(refused.queueLinks).toBeUndefined();
      expect([queue.size, queue.bytes, clock.pendingTimers]).toEqual([0, 0, 0]);
      expect(queue.remove(refused)).toBe(false);
    });

    it('count bytes that come later, and give all of them back', () => {
      const { queue } = setUp({ maxQueuedBytes: 100 });
      const [a, b] = [item('a'), item('b')];
      queue.add(a, 10);
      queue.add(b, 0);
      expect(queue.addBytes(b, 90)).toBeUndefined();
      expect(queue.addBytes(a, 1)).toBe('queue-bytes');
      expect([queue.size, queue.bytes]).toEqual([2, 100]);
      queue.remove(b);
      expect(queue.bytes).toBe(10);
      expect(queue.addBytes(a, 90)).toBeUndefined();
      queue.shift();
      expect(queue.bytes).toBe(0);
    });

    it('can be narrowed: what waits stays, and nothing more comes in until there is room', () => {
      const { options, queue } = setUp();
      for (const name of ['a', 'b', 'c']) queue.add(item(name), 10);
      queue.update({ ...options, maxQueuedCalls: 2 });
      expect(queue.limits.maxQueuedCalls).toBe(2);
      expect(names(queue)).toBe('a b c');
      expect(queue.add(item('d'), 0)).toBe('queue-full');
      queue.shift();
      expect(queue.add(item('d'), 0)).toBe('queue-full');
      queue.shift();
      expect(queue.add(item('d'), 0)).toBeUndefined();
      queue.update({ ...options, maxQueuedBytes: 5 });
      expect(queue.add(item('e'), 0)).toBe('queue-bytes');
    });

    it('can be widened', () => {
      const { options, queue } = setUp({ maxQueuedCalls: 1, maxQueuedBytes: 1 });
      queue.add(item('a'), 1);
      queue.update({ ...options, maxQueuedCalls: 2, maxQueuedBytes: 2 });
      expect(queue.add(item('b'), 1)).toBeUndefined();
    });
  });

  describe('its time', () => {
    it('lets each wait as long as the next, oldest first', () => {
      const { clock, expired, queue } = setUp();
      queue.add(item('a'), 1);
      clock.advance(30);
      queue.add(item('b'), 1);
      queue.add(item('c'), 1);
      expect(queue.oldestWaitMs).toBe(30);
      clock.advance(69);
      expect(expired).toEqual([]);
      clock.advance(1);
      expect(expired).toEqual(['a after 100']);
      expect(queue.oldestWaitMs).toBe(70);
      clock.advance(30);
      expect(expired).toEqual(['a after 100', 'b after 100', 'c after 100']);
      expect([queue.size, queue.bytes, queue.oldestWaitMs, clock.pendingTimers]).toEqual([0, 0, 0, 0]);
    });

    it('does not go by the wall clock', () => {
      const { clock, expired, queue } = setUp();
      queue.add(item('a'), 0);
      clock.stepWallClock(1_000_000);
      clock.advance(99);
      expect(expired).toEqual([]);
      clock.stepWallClock(-2_000_000);
      clock.advance(1);
      expect(expired).toEqual(['a after 100']);
    });

    it('spares what was taken out, and goes on with those behind it', () => {
      const { clock, expired, queue } = setUp();
      const [a, b, c] = ['a', 'b', 'c'].map(item) as [Item, Item, Item];
      queue.add(a, 0);
      clock.advance(10);
      queue.add(b, 0);
      clock.advance(10);
      queue.add(c, 0);
      queue.remove(a);
      queue.remove(b);
      clock.advance(99);
      expect(expired).toEqual([]);
      clock.advance(1);
      expect(expired).toEqual(['c after 100']);
    });

    it('has taken out what expires before it says so', () => {
      const seen: unknown[] = [];
      const { clock, queue } = setUp({}, (each) => {
        seen.push([queue.size, queue.bytes, queue.remove(each), queue.add(each, 5)]);
      });
      queue.add(item('a'), 5);
      clock.advance(100);
      expect(seen).toEqual([[0, 0, false, undefined]]);
      expect([queue.size, queue.bytes, clock.refdTimers]).toEqual([1, 5, 1]);
    });

    it('goes on after a listener that throws', () => {
      const { clock, expired, queue } = setUp({}, (each) => {
        if (each.name === 'a') throw new Error('onExpired is broken');
      });
      queue.add(item('a'), 1);
      queue.add(item('b'), 1);
      expect(() => clock.advance(100)).toThrow('onExpired is broken');
      expect([queue.size, clock.refdTimers]).toEqual([1, 1]);
      clock.advance(0);
      expect(expired).toEqual(['a after 100', 'b after 100']);
      expect([queue.size, clock.pendingTimers]).toEqual([0, 0]);
    });

    it('can be shortened for those who wait already', () => {
      const { clock, expired, options, queue } = setUp();
      queue.add(item('a'), 0);
      clock.advance(20);
      queue.add(item('b'), 0);
      clock.advance(20);
      queue.update({ ...options, maxQueueTimeMs: 30 });
      expect(expired).toEqual([]);
      clock.advance(0);
      expect(expired).toEqual(['a after 40']);
      clock.advance(10);
      expect(expired).toEqual(['a after 40', 'b after 30']);
    });

    it('can be lengthened for those who wait already', () => {
      const { clock, expired, options, queue } = setUp();
      queue.add(item('a'), 0);
      queue.update({ ...options, maxQueueTimeMs: 150 });
      clock.advance(149);
      expect(expired).toEqual([]);
      expect(clock.refdTimers).toBe(1);
      clock.advance(1);
      expect(expired).toEqual(['a after 150']);
    });

    it('may be unbounded, and longer than Node’s timers can be', () => {
      const { clock, expired, options, queue } = setUp({ maxQueueTimeMs: Infinity });
      queue.add(item('a'), 0);
      clock.advance(3 * MAX_TIMER_MS);
      expect(expired).toEqual([]);
      expect(clock.refdTimers).toBe(1);
      queue.update({ ...options, maxQueueTimeMs: 4 * MAX_TIMER_MS });
      clock.advance(MAX_TIMER_MS - 1);
      expect(expired).toEqual([]);
      clock.advance(1);
      expect(expired).toEqual([`a after ${4 * MAX_TIMER_MS}`]);
      expect(clock.pendingTimers).toBe(0);
    });
  });

  describe('its timer', () => {
    it('holds the process exactly while something waits', () => {
      const { clock, queue } = setUp();
      expect(clock.refdTimers).toBe(0);
      const a = item('a');
      queue.add(a, 0);
      queue.add(item('b'), 0);
      expect(clock.refdTimers).toBe(1);
      queue.remove(a);
      expect(clock.refdTimers).toBe(1);
      queue.shift();
      expect(clock.refdTimers).toBe(0);
      queue.add(a, 0);
      expect(clock.refdTimers).toBe(1);
      clock.advance(100);
      expect(clock.refdTimers).toBe(0);
    });

    it('is one, and set rarely however many come and go', () => {
      const { clock, queue } = setUp();
      let settings = 0;
      const { setTimer } = clock;
      clock.setTimer = (callback, delayMs) => {
        settings += 1;
        return setTimer.call(clock, callback, delayMs);
      };
      for (let turn = 0; turn < 1_000; turn += 1) {
        queue.add(item('a'), 0);
        queue.add(item('b'), 0);
        queue.shift();
        queue.shift();
      }
      expect(settings).toBe(1);
      expect(clock.pendingTimers).toBe(1);
    });

    it('is gone once what waited is, without a new one for nobody', () => {
      const { clock, queue } = setUp();
      queue.add(item('a'), 0);
      queue.shift();
      clock.advance(100);
      expect(clock.pendingTimers).toBe(0);
    });

    it('is forgotten by close, and set again for what comes after', () => {
      const { clock, expired, queue } = setUp();
      queue.add(item('a'), 0);
      queue.shift();
      queue.close();
      queue.close();
      expect(clock.pendingTimers).toBe(0);
      queue.add(item('b'), 0);
      expect(clock.refdTimers).toBe(1);
      clock.advance(100);
      expect(expired).toEqual(['b after 100']);
    });
  });
});
