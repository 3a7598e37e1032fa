/** The only source of random numbers in every package, so that a test can use a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

/** The generator of the JavaScript engine. */
export const systemRandom: Random = { next: () => Math.random() };
