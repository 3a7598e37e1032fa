/** What the program is told at its start. */
export interface JumpingOptions {
  readonly target: string;
  /** A port where nobody listens. */
  readonly deadTarget: string;
  /** By how much the wall clock is set, one after the other, each time while calls are under way. */
  readonly stepsMs: readonly number[];
}

/** One ending: of which call, with which status, and whether that was before its time. */
export interface JumpingEnding {
  readonly stepMs: number;
  readonly way: string;
  readonly call: string;
  readonly code: string;
  readonly isEarly: boolean;
}

export type JumpingMessage = { readonly kind: 'ended'; readonly endings: readonly JumpingEnding[] };
