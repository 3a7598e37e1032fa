import { propagate } from '@grpc/grpc-js';
import type { Clock } from './clock.js';
import { propagates, type ParentCall } from '../calls/parent-calls.js';

/** By how much the two clocks may differ from rounding alone: the wall clock tells whole milliseconds. */
const ROUNDING_MS = 1;

/**
 * Tells when a call must have ended, in epoch milliseconds: by its own deadline, or by its parent's where that is
 * earlier and the flags ask for it. Infinity for never. An own deadline that is no time at all (NaN, an invalid Date)
 * has passed already, -Infinity: grpc-js 1.14 ends such a call within a millisecond.
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

/** Reads a deadline as epoch milliseconds; one that is no time at all is -Infinity, which has passed. */
export function deadlineMsOf(deadline: Date | number): number {
  const deadlineMs = Number(deadline);
  return Number.isNaN(deadlineMs) ? -Infinity : deadlineMs;
}

/**
 * Tells the monotonic moment at which a deadline passes. Asked once, when the wait for it begins: from then on the wall
 * clock may be set in any direction, and the remaining time stays what it was.
 *
 * @param deadlineMs epoch milliseconds; Infinity for never.
 */
export function dueMsOf(deadlineMs: number, clock: Clock): number {
  return deadlineMs === Infinity ? Infinity : clock.elapsed() + (deadlineMs - clock.now());
}

/**
 * Tells the deadline that leaves, on the wall clock as it is now, the time that is left until a monotonic moment: for
 * whoever takes only deadlines. It is the given deadline unless the wall clock was set since {@link dueMsOf} was asked.
 */
export function currentDeadlineMs(deadlineMs: number, dueMs: number, clock: Clock): number {
  if (!Number.isFinite(dueMs)) return deadlineMs;
  const currentMs = clock.now() + (dueMs - clock.elapsed());
  return Math.abs(currentMs - deadlineMs) <= ROUNDING_MS ? deadlineMs : currentMs;
}
