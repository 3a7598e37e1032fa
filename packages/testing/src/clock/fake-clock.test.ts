import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until it is advanced', () => {
    const clock = new FakeClock(5_000);
    expect([clock.now(), clock.elapsed()]).toEqual([5_000, 0]);
    clock.advance(250);
    expect([clock.now(), clock.elapsed()]).toEqual([5_250, 250]);
  });

  it('fires timers in order of due time, and equal ones in order of setting', () => {
    const clock = new FakeClock(0);
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['late', 30],
      ['first', 10],
      ['second', 10],
      ['third', 10],
      ['middle', 20],
    ] as const) {
      clock.setTimer(() => fired.push(`${name}@${clock.now()}/${clock.elapsed()}`), delayMs);
    }
    clock.advance(30);
    expect(fired).toEqual(['first@10/10', 'second@10/10', 'third@10/10', 'middle@20/20', 'late@30/30']);
  });

  it('fires timers that are set while it advances, each at its own moment', () => {
    const clock = new FakeClock(0);
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.now());
      clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
    expect(clock.pendingTimers).toBe(1);
  });

  it('fires a timer without delay at the next advance, never inside setTimer', () => {
    const clock = new FakeClock();
    let fired = 0;
    clock.setTimer(() => fired++, 0);
    clock.setTimer(() => fired++, -5);
    expect(fired).toBe(0);
    clock.advance(0);
    expect(fired).toBe(2);
  });

  it('forgets a cleared timer, also from inside another one of the same moment', () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.setTimer(() => {
      fired.push('kept');
      clock.clearTimer(doomed);
    }, 5);
    const doomed = clock.setTimer(() => fired.push('cleared'), 5);
    clock.advance(10);
    clock.clearTimer(doomed);
    expect(fired).toEqual(['kept']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('counts pending timers, and apart those that hold the process', () => {
    const clock = new FakeClock();
    const timer = clock.setTimer(() => {}, 5);
    clock.setTimer(() => {}, 5);
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([2, 0]);
    timer.ref();
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([2, 1]);
    timer.unref();
    expect(clock.refdTimers).toBe(0);
    timer.ref();
    clock.advance(5);
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([0, 0]);
  });

  it('cuts a delay to the longest that Node takes', () => {
    const clock = new FakeClock(0);
    let firedAt = -1;
    clock.setTimer(() => (firedAt = clock.now()), Infinity);
    clock.advance(MAX_TIMER_MS);
    expect(firedAt).toBe(MAX_TIMER_MS);
  });

  it('stops at the moment of a callback that throws and goes on from there', () => {
    const clock = new FakeClock(0);
    const fired: number[] = [];
    clock.setTimer(() => {
      throw new Error('thrown by a timer');
    }, 10);
    clock.setTimer(() => fired.push(clock.now()), 20);
    expect(() => clock.advance(100)).toThrow('thrown by a timer');
    expect(clock.now()).toBe(10);
    clock.advance(100);
    expect(fired).toEqual([20]);
    expect(clock.now()).toBe(110);
  });

  it('never goes back when a callback advances it further', () => {
    const clock = new FakeClock(0);
    clock.setTimer(() => clock.advance(100), 10);
    clock.advance(20);
    expect([clock.now(), clock.elapsed()]).toEqual([110, 110]);
  });

  it('steps the wall clock alone', () => {
    const clock = new FakeClock(1_000);
    let fired = false;
    clock.setTimer(() => (fired = true), 50);
    clock.stepWallClock(-400);
    expect([clock.now(), clock.elapsed(), fired]).toEqual([600, 0, false]);
    clock.advance(50);
    expect([clock.now(), clock.elapsed(), fired]).toEqual([650, 50, true]);
  });

  it('refuses to go back, and a timer that is not its own', () => {
    const clock = new FakeClock();
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(NaN)).toThrow(RangeError);
    const foreign = new FakeClock().setTimer(() => {}, 1);
    expect(() => clock.clearTimer(foreign)).toThrow(TypeError);
  });

  it('says so when timers set themselves again for the same moment without end', () => {
    const clock = new FakeClock();
    const again = (): void => void clock.setTimer(again, 0);
    again();
    expect(() => clock.advance(1)).toThrow('without end');
  });
});
