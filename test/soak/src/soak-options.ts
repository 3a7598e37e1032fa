/** What a soak is to be. */
export interface SoakOptions {
  readonly seed: number;
  /** Milliseconds of calls and faults. */
  readonly durationMs: number;
  /** Default 150. */
  readonly callsPerSecond?: number;
  /** Ends it early, and cleanly. */
  readonly signal?: AbortSignal;
  /** Is told of each call when it ends. */
  readonly onCallEnded?: () => void;
  /** Is told now and then how it goes. */
  readonly onProgress?: (words: string) => void;
}
