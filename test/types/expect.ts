/** True when both types are the same, `any` and `readonly` told apart. */
export type Equal<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Compiles only when what it is given is true. */
export type Expect<Claim extends true> = Claim;
