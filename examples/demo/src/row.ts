import type { Both } from './act.js';

/** A line of a table: the same thing read from both contestants. */
export function row<T>(label: string, of: Both<T>, read: (one: T) => string): { label: string } & Both<string> {
  return { label, plain: read(of.plain), pooled: read(of.pooled) };
}

/** The same where one of them has not begun to play. */
export function latestRow<T>(
  label: string,
  of: Both<readonly T[]>,
  read: (one: T) => string,
): { label: string } & Partial<Both<string>> {
  const plain = of.plain.at(-1);
  const pooled = of.pooled.at(-1);
  return {
    label,
    ...(plain !== undefined && { plain: read(plain) }),
    ...(pooled !== undefined && { pooled: read(pooled) }),
  };
}
