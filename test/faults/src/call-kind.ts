/** Calls of one answer, and calls that stay open. */
export const KINDS = ['unary', 'streaming'] as const;

/** One of the two kinds of call that each fault meets. */
export type Kind = (typeof KINDS)[number];
