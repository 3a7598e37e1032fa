import { propagate } from '@grpc/grpc-js';
import type { Clock } from './clock.js';
import { propagates, type ParentCall } from '../calls/parent-calls.js';

/** The difference between the two clocks that rounding can cause: the wall clock has whole milliseconds. */
const ROUNDING_MS = 1;

/**
 * Returns the deadline of a call in epoch milliseconds: its own deadline, or the deadline of its parent when that is
 * earlier and the flags propagate it. Infinity means no deadline. For an invalid deadline (NaN or an invalid Date) the
 * result is -Infinity, which has passed: grpc-js 1.14 ends such a call within a millisecond.
 */
export function callDeadlineMs(
  deadline: Date | number,
  parent: ParentCall | null,
  flags: number | null | undefined,
): number {
  const ownMs = deadlineMsOf(deadline);
  if (parent === null || !propagates(flags, propagate.DEADLINE)) return ownMs;
  const parentMs = Number(parent.getDeadline());
  return parentMs < ownMs ? parentMs : ownMs;
}

/** Converts a deadline to epoch milliseconds. An invalid deadline becomes -Infinity, which has passed. */
export function deadlineMsOf(deadline: Date | number): number {
  const deadlineMs = Number(deadline);
  return Number.isNaN(deadlineMs) ? -Infinity : deadlineMs;
}

/**
 * Returns the monotonic time at which a deadline passes. Call it once, when the wait for the deadline begins: later
 * changes of the wall clock then do not change the remaining time.
 *
 * @param deadlineMs epoch milliseconds; Infinity for never.
 */
export function dueMsOf(deadlineMs: number, clock: Clock): number {
  return deadlineMs === Infinity ? Infinity : clock.elapsed() + (deadlineMs - clock.now());
}

/**
 * Converts a monotonic time back to a deadline on the current wall clock, for code that accepts only deadlines. The
 * result is the given deadline unless the wall clock was changed after {@link dueMsOf} was called.
 */
export function currentDeadlineMs(deadlineMs: number, dueMs: number, clock: Clock): number {
  if (!Number.isFinite(dueMs)) return deadlineMs;
  const currentMs = clock.now() + (dueMs - clock.elapsed());
  return Math.abs(currentMs - deadlineMs) <= ROUNDING_MS ? deadlineMs : currentMs;
}
