/** Calls that the program starts, all in one tick. */
export interface ProgramCalls {
  /** How many. Default 1. */
  readonly count?: number;
  /** An `EchoRequest` without bytes: it crosses as JSON. */
  readonly request: { readonly hang?: boolean; readonly delayMs?: number };
  /** Milliseconds from their start. Default: none. */
  readonly deadlineMs?: number;
  readonly waitForReady?: boolean;
}

/** What the program is told at its start. */
export interface PoolProgramOptions {
  readonly target: string;
  /** PEM; without it the client speaks plain text. */
  readonly rootCertificate?: string;
  /** Options of `createPooledClient` that survive JSON. */
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly calls?: readonly ProgramCalls[];
  /** Ask for connections without a call. */
  readonly connects?: boolean;
  /** Make the client in an `await using` block. Default false: it is never disposed. */
  readonly disposes?: boolean;
  /** Go on only when told. Default false: what was started is all that the process has left to do. */
  readonly waits?: boolean;
  /** Stay after the block until told to go, so that the test can look at the sockets. */
  readonly lingers?: boolean;
}

/** What the program says. `atMs` is the wall clock, the only one that two processes share. */
export type PoolProgramMessage =
  | { readonly kind: 'socket' }
  | { readonly kind: 'started' }
  | { readonly kind: 'leaving'; readonly atMs: number }
  | { readonly kind: 'left'; readonly atMs: number; readonly openSockets: number; readonly endedCalls: number };

/** What the program prints when it exits. */
export interface PoolProgramReport {
  readonly startedCalls: number;
  readonly endings: readonly { readonly code: string; readonly refusedBy?: string; readonly fault?: string }[];
  /** Null where they are made in threads, and not seen. */
  readonly madeSockets: number | null;
  readonly openSockets: number;
}
