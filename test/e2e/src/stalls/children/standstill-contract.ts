/** What the program is told at its start. */
export interface StandstillProgramOptions {
  readonly target: string;
  readonly threads: number;
  /** Milliseconds that the wall clock is set forward by before the calls. Default: it is left alone. */
  readonly wakesAfterMs?: number;
}

/** What the program says: how its calls ended. */
export type StandstillProgramMessage =
  | { readonly kind: 'connected'; readonly codes: readonly string[] }
  | { readonly kind: 'called'; readonly codes: readonly string[]; readonly lastFault: string };
