/** What the process that carries the load is told at its start. */
export interface LoadOptions {
  readonly target: string;
  readonly callsPerSecond: number;
  /**
   * From the end of the stall on: whether a pool is well again is one question, how much a busy machine takes another.
   */
  readonly callsPerSecondAfterwards: number;
  readonly requestBytes: number;
  /** Milliseconds of each call; left out: none. */
  readonly deadlineMs?: number;
}

/** What it is told on its way. `atMs` is the wall clock, the only one that two processes share. */
export type LoadOrder =
  | { readonly kind: 'stalled' }
  /** Measure, and offer fewer calls from now on. */
  | { readonly kind: 'calm' }
  | { readonly kind: 'resumed'; readonly atMs: number }
  | { readonly kind: 'finish' };

/** Ended calls: status name, or which bound refused it, to count. */
export type Endings = Readonly<Record<string, number>>;

/**
 * Growth in MB since before the server stopped, each second after a forced collection: what is left is held by
 * somebody.
 */
export interface Growth {
  /** The most that it was during the stall, and what it was at the end. */
  readonly peakRss: number;
  readonly rss: number;
  /** JavaScript heap and what hangs on it outside (buffers). */
  readonly peakHeap: number;
  readonly heap: number;
}

/** What it says. */
export type LoadMessage =
  | { readonly kind: 'warm' }
  /** What had a deadline has passed it. */
  | { readonly kind: 'calm' }
  /** The first call since the server went on has succeeded. */
  | { readonly kind: 'well' }
  | {
      readonly kind: 'report';
      readonly growth: Growth;
      readonly offeredWhileStalled: number;
      readonly endedBefore: Endings;
      readonly endedWhileStalled: Endings;
      readonly endedAfterwards: Endings;
      /** Milliseconds from the server's going on to the first call that succeeded. */
      readonly firstSuccessMs: number | null;
      readonly offeredCalls: number;
      /** Callbacks that came, which must be one a call. */
      readonly callbacks: number;
      readonly stats: {
        readonly startedCalls: number;
        readonly endedCalls: number;
        readonly inFlightCalls: number;
        readonly queuedCalls: number;
        readonly queuedBytes: number;
        readonly shedCalls: number;
      };
      /** Of every connection, from the events of the pool. */
      readonly faults: readonly string[];
    };
