import { afterEach, describe, expect, it } from 'vitest';
import { MAX_TIMER_MS, systemClock, type Timer } from './clock.js';

/** The methods of Node's timers that the tests use. */
type NodeTimer = Timer & { hasRef(): boolean };

describe('systemClock', () => {
  const timers: Timer[] = [];
  const setTimer = (callback: () => void, delayMs: number): NodeTimer => {
    const timer = systemClock.setTimer(callback, delayMs);
    timers.push(timer);
    return timer as NodeTimer;
  };

  afterEach(() => {
    for (const timer of timers.splice(0)) systemClock.clearTimer(timer);
  });

  it('sets timers that let the process exit, until one is ref’d', () => {
    const timer = setTimer(() => undefined, 60_000);
    expect(timer.hasRef()).toBe(false);
    timer.ref();
    expect(timer.hasRef()).toBe(true);
    timer.unref();
    expect(timer.hasRef()).toBe(false);
  });

  it('calls back once', async () => {
    await new Promise<void>((resolve) => setTimer(resolve, 1).ref());
  });

  it('treats a negative delay as 0', async () => {
    await new Promise<void>((resolve) => setTimer(resolve, -1_000).ref());
  });

  it('reduces a delay that is too long for Node', async () => {
    let fired = false;
    setTimer(() => (fired = true), MAX_TIMER_MS + 1);
    setTimer(() => (fired = true), Infinity);
    // Node fires a timer whose delay is too long after 1 ms, before the timer that is set after it.
    await new Promise<void>((resolve) => setTimer(resolve, 5).ref());
    expect(fired).toBe(false);
  });

  it('clears a timer, also one that has fired', async () => {
    let fired = false;
    systemClock.clearTimer(setTimer(() => (fired = true), 1));
    const done = await new Promise<Timer>((resolve) => {
      const timer: Timer = setTimer(() => resolve(timer), 5);
      timer.ref();
    });
    expect(fired).toBe(false);
    expect(() => systemClock.clearTimer(done)).not.toThrow();
  });

  it('has a wall clock in epoch milliseconds and a monotonic clock', () => {
    expect(systemClock.now()).toBeGreaterThan(Date.UTC(2024, 0));
    const first = systemClock.elapsed();
    expect(systemClock.elapsed()).toBeGreaterThanOrEqual(first);
  });
});
