/** What the program is told at its start. */
export interface SmallProgramOptions {
  readonly target: string;
  /** The method to call, whose request may be empty. */
  readonly path: string;
  /** The program of the threads, beside this one. Default: that of the package. */
  readonly worker?: string;
}

/** How its one call ended. */
export interface SmallProgramMessage {
  readonly kind: 'ended';
  readonly code: number;
  readonly details: string;
}
