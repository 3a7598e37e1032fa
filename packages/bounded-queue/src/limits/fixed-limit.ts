import { OptionReader } from '@grpc-manifold/core/internal';
import { MOST_CALLS } from './limit-bounds.js';
import type { ConcurrencyLimit } from './limit.js';

/** Stays as it was made. Right where somebody has measured: by Little's law, calls a second × seconds a call. */
export class FixedLimit implements ConcurrencyLimit {
  readonly current: number;

  /** @param limit calls in flight: 1 to 10,000,000, or Infinity. */
  constructor(limit: number) {
    // Required, so undefined may not fall back to anything.
    const given = limit === undefined ? null : limit;
    const read = new OptionReader('fixedLimit', { limit: given as number }, ['limit']);
    this.current = read.integer('limit', 1, { min: 1, max: MOST_CALLS, unlimited: true });
  }

  onSample(): void {
    // Nothing is learned.
  }
}

/**
 * Makes a limit that never moves.
 *
 * @param limit calls in flight: 1 to 10,000,000, or Infinity.
 * @throws TypeError, RangeError naming the range and the value.
 */
export function fixedLimit(limit: number): FixedLimit {
  return new FixedLimit(limit);
}
