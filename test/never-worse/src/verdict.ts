import { isDeepStrictEqual } from 'node:util';
import type { Statement } from './case.js';
import { countIn, HANGS, type Seen } from './seen.js';

/** How a pooled client compares with a plain one. */
export type Verdict = 'equal' | 'better' | 'difference' | 'worse';

/**
 * Compares what a pooled client saw with what a plain one saw. Whatever is not equal must have been stated beforehand,
 * in the same words; and what is stated to be better must be better by {@link isBetter}. Everything else is worse.
 */
export function verdictOf(plain: Seen, pooled: Seen, stated: Statement | undefined): Verdict {
  if (isDeepStrictEqual(plain, pooled)) return stated === undefined ? 'equal' : 'worse';
  if (stated === undefined || !isDeepStrictEqual(pooled, { ...plain, ...stated.saw })) return 'worse';
  if (stated.is === 'better' && !isBetter(plain, pooled)) return 'worse';
  return stated.is;
}

/** Fewer calls hang, or more end OK, and nothing that is looked at is the other way round. */
export function isBetter(plain: Seen, pooled: Seen): boolean {
  return Object.entries(pooled).every(([name, sight]) => {
    const before = plain[name];
    if (before === undefined) return false;
    if (before === sight) return true;
    const hangs = countIn(before, HANGS) - countIn(sight, HANGS);
    const succeeds = countIn(sight, 'OK') - countIn(before, 'OK');
    return hangs >= 0 && succeeds >= 0 && hangs + succeeds > 0;
  });
}
