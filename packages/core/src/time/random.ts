/** Draws numbers. The only source of chance in every package, so that a test can bring a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

/** Node's own generator. */
export const systemRandom: Random = { next: () => Math.random() };
