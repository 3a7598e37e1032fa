import { propagate } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@grpc-manifold/testing';
import { callDeadlineMs, currentDeadlineMs, dueMsOf } from './call-deadline.js';
import type { ParentCall } from '../calls/parent-calls.js';

const parent = (deadline: Date | number): ParentCall => ({ getDeadline: () => deadline }) as unknown as ParentCall;

describe('callDeadlineMs', () => {
  it.each([
    ['its own, as a number', 5, null, undefined, 5],
    ['its own, as a Date', new Date(5), null, undefined, 5],
    ['none', Infinity, null, undefined, Infinity],
    ['one that has passed when it is an invalid Date', new Date(NaN), null, undefined, -Infinity],
    ['one that has passed when it is not a number', NaN, parent(6), undefined, -Infinity],
    ['its own when that of its parent is no time at all', 5, parent(NaN), undefined, 5],
    ['that of its parent when that is earlier', 5, parent(new Date(4)), undefined, 4],
    ['its own when that is earlier', 5, parent(6), propagate.DEFAULTS, 5],
    ['its own where the flags do not ask for that of its parent', 5, parent(4), propagate.CANCELLATION, 5],
    ['its own when its parent has none', 5, parent(Infinity), undefined, 5],
  ])('is %s', (_what, deadline, of, flags, expected) => {
    expect(callDeadlineMs(deadline, of, flags)).toBe(expected);
  });
});

const HOUR_MS = 3_600_000;

describe('the due time of a deadline', () => {
  it.each([-HOUR_MS, HOUR_MS, 8 * HOUR_MS])('does not change when the wall clock is set by %d ms', (stepMs) => {
    const clock = new FakeClock();
    clock.advance(7);
    const deadlineMs = clock.now() + 1_000;
    const dueMs = dueMsOf(deadlineMs, clock);
    expect(dueMs).toBe(1_007);
    clock.advance(400);
    clock.stepWallClock(stepMs);
    const currentMs = currentDeadlineMs(deadlineMs, dueMs, clock);
    expect(currentMs - clock.now()).toBe(600);
    expect(dueMsOf(currentMs, clock)).toBe(dueMs);
  });

  it('converts back to the given deadline while the clocks differ only by rounding', () => {
    const clock = new FakeClock();
    const deadlineMs = clock.now() + 1_000;
    const dueMs = dueMsOf(deadlineMs, clock);
    clock.stepWallClock(0.9);
    expect(currentDeadlineMs(deadlineMs, dueMs, clock)).toBe(deadlineMs);
  });

  it.each([Infinity, -Infinity])('%d is the same on both clocks', (never) => {
    const clock = new FakeClock();
    expect([dueMsOf(never, clock), currentDeadlineMs(never, never, clock)]).toEqual([never, never]);
  });
});
