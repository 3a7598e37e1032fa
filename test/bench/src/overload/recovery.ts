import type { OverloadStep } from './overload-report.js';

/** One stretch of time in which the server does the same. */
export interface Stretch {
  readonly fromS: number;
  readonly toS: number;
  /** Calls a second that the server does. */
  readonly capacity: number;
}

const WINDOW_S = 1;

/**
 * Tells how long after the start of a stretch goodput is near capacity for good: the start of the first second from
 * which on every second (moved on by one step at a time) until the end of the stretch is within `tolerance` of it.
 * Undefined: never.
 */
export function settledAfterS(
  steps: readonly OverloadStep[],
  { fromS, toS, capacity }: Stretch,
  tolerance = 0.15,
): number | undefined {
  // A step that reaches beyond the end has seen the next stretch as well.
  const within = steps.filter(({ s, lengthS }) => s >= fromS && s + lengthS / 2 <= toS);
  let settledS: number | undefined;
  for (const [index, { s }] of within.entries()) {
    const window = within.slice(index).filter((step) => step.s < s + WINDOW_S);
    if (s + WINDOW_S > toS + 1e-9 || window.length === 0) break;
    const goodput = window.reduce((sum, step) => sum + step.goodput, 0) / window.length;
    if (Math.abs(goodput - capacity) <= tolerance * capacity) settledS ??= s;
    else settledS = undefined;
  }
  return settledS === undefined ? undefined : Math.max(0, settledS - fromS);
}
