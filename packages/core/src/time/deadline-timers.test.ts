import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@grpc-manifold/testing';
import { MAX_TIMER_MS } from './clock.js';
import { DeadlineTimers, type Timed } from './deadline-timers.js';

interface Item extends Timed {
  readonly name: string;
}

function item(name: string): Item {
  return { name, dueMs: Infinity, heapIndex: -1 };
}

function setUp(onDue?: (item: Item, timers: DeadlineTimers<Item>) => void) {
  const clock = new FakeClock(0);
  const fired: string[] = [];
  const timers: DeadlineTimers<Item> = new DeadlineTimers<Item>(clock, (due) => {
    fired.push(`${due.name}@${clock.elapsed()}`);
    onDue?.(due, timers);
  });
  return { clock, fired, timers };
}

describe('DeadlineTimers', () => {
  it('calls back at each due time, earliest first, with one timer for all', () => {
    const { clock, fired, timers } = setUp();
    for (const dueMs of [30, 10, 20, 10]) timers.add(item(`due ${dueMs}`), dueMs);
    expect(timers.size).toBe(4);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(9);
    expect(fired).toEqual([]);
    clock.advance(30);
    expect(fired).toEqual(['due 10@10', 'due 10@10', 'due 20@20', 'due 30@30']);
  });

  it('keeps no timer after the last item has fired or was removed', () => {
    const { clock, timers } = setUp();
    const [first, second] = [item('first'), item('second')];
    timers.add(first, 10);
    timers.add(second, 20);
    clock.advance(10);
    expect([timers.size, clock.pendingTimers]).toEqual([1, 1]);
    timers.remove(second);
    expect([timers.size, clock.pendingTimers]).toEqual([0, 0]);
    timers.add(first, 30);
    clock.advance(30);
    expect([timers.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('never keeps the process alive', () => {
    const { clock, timers } = setUp();
    timers.add(item('waiting'), 10);
    expect(clock.refdTimers).toBe(0);
  });

  it('fires an item that is already due at the next opportunity, never inside add', () => {
    const { clock, fired, timers } = setUp();
    clock.advance(100);
    timers.add(item('past'), 50);
    timers.add(item('now'), 100);
    expect(fired).toEqual([]);
    clock.advance(0);
    expect(fired).toEqual(['past@100', 'now@100']);
  });

  it('removes an item from any position, and ignores one that was never added', () => {
    const { clock, fired, timers } = setUp();
    const items = Array.from({ length: 15 }, (_, index) => item(`${index}`));
    for (const [index, each] of items.entries()) timers.add(each, index + 1);
    for (const index of [0, 7, 14, 3]) timers.remove(items[index] as Item);
    timers.remove(items[7] as Item);
    timers.remove(item('stranger'));
    clock.advance(100);
    expect(fired).toEqual([1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13].map((index) => `${index}@${index + 1}`));
  });

  it('accepts an item again that has fired or was removed', () => {
    const { clock, fired, timers } = setUp();
    const again = item('again');
    timers.add(again, 10);
    clock.advance(10);
    expect(again.heapIndex).toBe(-1);
    timers.add(again, 20);
    timers.remove(again);
    expect(again.heapIndex).toBe(-1);
    timers.add(again, 15);
    clock.advance(50);
    expect(fired).toEqual(['again@10', 'again@15']);
  });

  it('resets the timer only for an earlier due time', () => {
    const { clock, timers } = setUp();
    let settings = 0;
    const { setTimer } = clock;
    clock.setTimer = (callback, delayMs) => {
      settings += 1;
      return setTimer.call(clock, callback, delayMs);
    };
    timers.add(item('first'), 1_000);
    for (let dueMs = 1_001; dueMs < 1_100; dueMs += 1) timers.add(item('later'), dueMs);
    expect(settings).toBe(1);
    timers.add(item('earlier'), 500);
    expect(settings).toBe(2);
    expect(clock.pendingTimers).toBe(1);
  });

  it('allows additions and removals in a callback', () => {
    const doomed = item('doomed');
    const { clock, fired, timers } = setUp((due, all) => {
      if (due.name !== 'first') return;
      all.remove(doomed);
      all.add(item('due at once'), 10);
      all.add(item('due later'), 40);
    });
    timers.add(item('first'), 10);
    timers.add(doomed, 10);
    timers.add(item('last'), 30);
    clock.advance(100);
    expect(fired).toEqual(['first@10', 'due at once@10', 'last@30', 'due later@40']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the remaining items when a callback throws, and calls them next', () => {
    const { clock, fired, timers } = setUp((due) => {
      if (due.name === 'broken') throw new Error('onDue is broken');
    });
    timers.add(item('broken'), 10);
    timers.add(item('second'), 10);
    timers.add(item('third'), 20);
    expect(() => clock.advance(100)).toThrow('onDue is broken');
    expect([timers.size, clock.pendingTimers]).toEqual([2, 1]);
    clock.advance(100);
    expect(fired).toEqual(['broken@10', 'second@10', 'third@20']);
    expect([timers.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('keeps no timer when the last callback throws', () => {
    const { clock, timers } = setUp(() => {
      throw new Error('onDue is broken');
    });
    timers.add(item('only'), 10);
    expect(() => clock.advance(10)).toThrow('onDue is broken');
    expect([timers.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('waits for a due time beyond the longest delay of Node', () => {
    const { clock, fired, timers } = setUp();
    const dueMs = Math.ceil(2.5 * MAX_TIMER_MS);
    timers.add(item('far'), dueMs);
    timers.add(item('never'), Infinity);
    clock.advance(dueMs - 1);
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1);
    expect(fired).toEqual([`far@${dueMs}`]);
    expect(timers.size).toBe(1);
  });

  it.each([-3_600_000, 3_600_000, 8 * 3_600_000])('ignores that the wall clock is set by %d ms', (stepMs) => {
    const { clock, fired, timers } = setUp();
    timers.add(item('first'), 100);
    clock.stepWallClock(stepMs);
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(['first@100']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('neither fires a fraction of a millisecond early, nor resets the timer for one', () => {
    const { clock, fired, timers } = setUp();
    let settings = 0;
    const { setTimer } = clock;
    clock.setTimer = (callback, delayMs) => {
      settings += 1;
      return setTimer.call(clock, callback, delayMs);
    };
    timers.add(item('first'), 100.7);
    timers.add(item('nearly the same'), 100.4);
    clock.advance(100);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual(['nearly the same@101', 'first@101']);
    expect(settings).toBe(1);
  });

  it('keeps the order of the other items, whichever are removed', () => {
    const moments = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(moments, fc.array(fc.nat(), { maxLength: 20 }), (dueAtMs, removals) => {
        const { clock, fired, timers } = setUp();
        const items = dueAtMs.map((dueMs) => {
          const added = item(`${dueMs}`);
          timers.add(added, dueMs);
          return added;
        });
        for (const index of removals) {
          const [removed] = items.splice(index % items.length, 1);
          if (removed !== undefined) timers.remove(removed);
        }
        clock.advance(100);
        const left = items.map((each) => each.dueMs).sort((a, b) => a - b);
        expect(fired).toEqual(left.map((dueMs) => `${dueMs}@${dueMs}`));
      }),
      { seed: 20_260_108, numRuns: 1_000 },
    );
  });

  it('behaves like a sorted list for any sequence of operations', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('add' as const), inMs: fc.integer({ min: -20, max: 200 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('add far' as const), inMs: fc.integer({ min: 1, max: 3 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = new FakeClock(0);
        let waiting: Item[] = [];
        const timers = new DeadlineTimers<Item>(clock, (due) => {
          expect(due.heapIndex).toBe(-1);
          const earliestMs = Math.min(...waiting.map((each) => each.dueMs));
          expect(due.dueMs).toBe(earliestMs);
          expect(due.dueMs).toBeLessThanOrEqual(clock.elapsed());
          expect(waiting).toContain(due);
          waiting = waiting.filter((each) => each !== due);
        });
        const add = (dueMs: number): void => {
          const added = item('any');
          timers.add(added, dueMs);
          waiting.push(added);
        };
        for (const each of steps) {
          if (each.kind === 'add') add(clock.elapsed() + each.inMs);
          else if (each.kind === 'add far') add(clock.elapsed() + each.inMs * MAX_TIMER_MS);
          else if (each.kind === 'advance') {
            clock.advance(each.ms);
            expect(waiting.filter((one) => one.dueMs <= clock.elapsed())).toEqual([]);
          } else if (waiting.length > 0) {
            const [removed] = waiting.splice(each.which % waiting.length, 1) as [Item];
            timers.remove(removed);
            expect(removed.heapIndex).toBe(-1);
          }
          expect(timers.size).toBe(waiting.length);
          expect(clock.pendingTimers).toBe(waiting.length > 0 ? 1 : 0);
          expect(clock.refdTimers).toBe(0);
        }
        clock.advance(4 * MAX_TIMER_MS);
        expect(waiting).toEqual([]);
        expect(clock.pendingTimers).toBe(0);
      }),
      { seed: 20_260_101, numRuns: 500 },
    );
  });
});
