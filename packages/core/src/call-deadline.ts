import { propagate } from '@grpc/grpc-js';
import { propagates, type ParentCall } from './parent-calls.js';

/**
 * Tells when a call must have ended, in epoch milliseconds: by its own deadline, or by its parent's where that is earlier
 * and the flags ask for it. Infinity for never.
 */
export function callDeadlineMs(
  deadline: Date | number,
  parent: ParentCall | null,
  flags: number | null | undefined,
): number {
  const ownMs = deadlineOf(deadline);
  if (parent === null || !propagates(flags, propagate.DEADLINE)) return ownMs;
  return Math.min(ownMs, deadlineOf(parent.getDeadline()));
}

/** grpc-js takes a deadline that is not a number, as of an invalid Date, for none. */
function deadlineOf(deadline: Date | number): number {
  const deadlineMs = Number(deadline);
  return Number.isNaN(deadlineMs) ? Infinity : deadlineMs;
}
