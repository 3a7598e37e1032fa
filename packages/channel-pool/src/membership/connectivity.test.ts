import { connectivityState } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { FakeClock, UncaughtExceptions } from '@grpc-manifold/testing';
import { Connectivity } from './connectivity.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState;

function setUp() {
  const clock = new FakeClock();
  const connectivity = new Connectivity(clock);
  const told: string[] = [];
  const watch = (name: string, seen: connectivityState, deadline: Date | number = Infinity): void =>
    connectivity.watch(seen, deadline, (error) => told.push(error === undefined ? name : `${name}: ${error.message}`));
  return { clock, connectivity, told, watch };
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const HOUR_MS = 3_600_000;
const PASSED = 'Deadline passed without connectivity state change';

describe('Connectivity', () => {
  it('begins idle and remembers what it is told', () => {
    const { connectivity } = setUp();
    expect(connectivity.state).toBe(IDLE);
    connectivity.set(CONNECTING);
    expect(connectivity.state).toBe(CONNECTING);
  });

  it('tells each watcher of the first change, once', () => {
    const { connectivity, told, watch } = setUp();
    watch('a', IDLE);
    watch('b', IDLE);
    expect(told).toEqual([]);
    connectivity.set(IDLE);
    expect(told).toEqual([]);
    connectivity.set(CONNECTING);
    expect(told).toEqual(['a', 'b']);
    connectivity.set(READY);
    expect(told).toEqual(['a', 'b']);
  });

  it('tells a watcher that is behind at once, but never in its own stack', async () => {
    const { connectivity, told, watch } = setUp();
    connectivity.set(READY);
    watch('late', IDLE);
    expect(told).toEqual([]);
    await nextTick();
    expect(told).toEqual(['late']);
  });

  it('tells a watcher that is behind only once, though the state changes meanwhile', async () => {
    const { connectivity, told, watch } = setUp();
    connectivity.set(READY);
    watch('late', IDLE);
    connectivity.set(TRANSIENT_FAILURE);
    await nextTick();
    connectivity.set(READY);
    expect(told).toEqual(['late']);
  });

  it.each([
    ['a number', (atMs: number) => atMs],
    ['a Date', (atMs: number) => new Date(atMs)],
  ])('tells a watcher when its deadline, %s, has passed first', (_what, at) => {
    const { clock, connectivity, told, watch } = setUp();
    watch('a', IDLE, at(clock.now() + 100));
    clock.advance(99);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual([`a: ${PASSED}`]);
    connectivity.set(READY);
    expect(told).toEqual([`a: ${PASSED}`]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells a watcher later when its deadline has passed already', () => {
    const { clock, told, watch } = setUp();
    watch('a', IDLE, clock.now() - 100);
    expect(told).toEqual([]);
    clock.advance(0);
    expect(told).toEqual([`a: ${PASSED}`]);
  });

  it('waits for a deadline beyond the longest delay that Node takes', () => {
    const { clock, told, watch } = setUp();
    watch('far', IDLE, clock.now() + 2 * MAX_TIMER_MS);
    clock.advance(2 * MAX_TIMER_MS - 1);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual([`far: ${PASSED}`]);
  });

  it.each([-HOUR_MS, HOUR_MS, 8 * HOUR_MS])('does not notice that the wall clock is set by %d ms', (stepMs) => {
    const { clock, told, watch } = setUp();
    watch('a', IDLE, clock.now() + 100);
    clock.stepWallClock(stepMs);
    clock.advance(99);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual([`a: ${PASSED}`]);
  });

  it.each([-HOUR_MS, HOUR_MS, 8 * HOUR_MS])(
    'gives one who watches on until the same deadline no other moment when the wall clock is set by %d ms',
    (stepMs) => {
      const { clock, connectivity } = setUp();
      const told: string[] = [];
      const deadline = clock.now() + 100;
      const follow = (error?: Error): void => {
        told.push(`${error?.message ?? 'changed'} at ${clock.elapsed()}`);
        if (error === undefined) connectivity.watch(connectivity.state, deadline, follow);
      };
      connectivity.watch(IDLE, deadline, follow);
      clock.advance(40);
      clock.stepWallClock(stepMs);
      connectivity.set(CONNECTING);
      clock.advance(30);
      connectivity.set(TRANSIENT_FAILURE);
      clock.advance(1_000);
      expect(told).toEqual(['changed at 40', 'changed at 70', `${PASSED} at 100`]);
    },
  );

  it.each([NaN, new Date(NaN), -Infinity])('takes a deadline of %s for one that has passed', (deadline) => {
    const { clock, told, watch } = setUp();
    watch('a', IDLE, deadline);
    expect(told).toEqual([]);
    clock.advance(0);
    expect(told).toEqual([`a: ${PASSED}`]);
  });

  it('holds the process for a watcher with a deadline, and for no other', () => {
    const { clock, connectivity, watch } = setUp();
    watch('endless', IDLE);
    expect(clock.pendingTimers).toBe(0);
    watch('a', IDLE, clock.now() + 100);
    expect(clock.refdTimers).toBe(1);
    connectivity.set(READY);
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets a watcher watch on from its own callback', () => {
    const { connectivity } = setUp();
    const told: string[] = [];
    const follow = (): void => {
      const seen = connectivity.state;
      connectivity.watch(seen, Infinity, () => {
        told.push(`${connectivityState[seen]} to ${connectivityState[connectivity.state]}`);
        follow();
      });
    };
    follow();
    connectivity.set(CONNECTING);
    connectivity.set(READY);
    expect(told).toEqual(['IDLE to CONNECTING', 'CONNECTING to READY']);
  });

  it('makes what a watcher throws an uncaught exception, and tells the others all the same', async () => {
    using uncaught = new UncaughtExceptions();
    const { clock, connectivity, told, watch } = setUp();
    const broken = (error: string) => () => {
      throw error as unknown as Error;
    };
    connectivity.watch(IDLE, Infinity, broken('of a change'));
    connectivity.watch(CONNECTING, Infinity, broken('of one that is behind'));
    connectivity.watch(IDLE, clock.now(), broken('of a deadline'));
    watch('b', IDLE);
    clock.advance(0);
    expect(() => connectivity.set(READY)).not.toThrow();
    expect(told).toEqual(['b']);
    await uncaught.until(3);
    expect([...uncaught.thrown].sort()).toEqual(['of a change', 'of a deadline', 'of one that is behind']);
  });

  describe('after SHUTDOWN', () => {
    it('has told every watcher and keeps no timer', () => {
      const { clock, connectivity, told, watch } = setUp();
      watch('a', IDLE);
      watch('b', IDLE, clock.now() + 100);
      connectivity.set(SHUTDOWN);
      expect(told).toEqual(['a', 'b']);
      expect(clock.pendingTimers).toBe(0);
    });

    it('changes no more', () => {
      const { connectivity } = setUp();
      connectivity.set(SHUTDOWN);
      connectivity.set(READY);
      expect(connectivity.state).toBe(SHUTDOWN);
    });

    it('takes no watcher, as grpc-js does not', () => {
      const { clock, connectivity, told, watch } = setUp();
      connectivity.set(SHUTDOWN);
      expect(() => watch('a', READY, clock.now() + 100)).toThrow('Channel has been shut down');
      expect(told).toEqual([]);
      expect(clock.pendingTimers).toBe(0);
    });
  });
});
