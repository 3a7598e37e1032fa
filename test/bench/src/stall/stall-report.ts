/** What the process that carries the load is told at its start. */
export interface StallLoadOptions {
  readonly variant: string;
  readonly port: number;
  /** Milliseconds; left out: none. */
  readonly deadlineMs?: number;
  readonly callsPerSecond: number;
  readonly requestBytes: number;
  readonly warmUpMs: number;
  /** Growth at which it gives up and offers no more. */
  readonly capMb: number;
}

/** What the bench tells that process. `atMs` is the wall clock, the only one that two processes share. */
export type StallOrder = { kind: 'stalled' } | { kind: 'resumed'; atMs: number } | { kind: 'finish' };

/** What that process tells the bench. */
export type StallNews = { kind: 'warm' } | { kind: 'capped' } | { kind: 'report'; report: StallReport };

/** Memory of a process at a moment, in MB, as growth from the moment that the server stopped. */
export interface MemoryPoint {
  /** Seconds since the server stopped. */
  readonly s: number;
  readonly rssMb: number;
  /** JavaScript heap and what hangs on it outside (buffers). */
  readonly heapMb: number;
}

/** What became of the calls and of the memory. */
export interface StallReport {
  readonly memory: readonly MemoryPoint[];
  /** Seconds that the server stood still. */
  readonly stalledS: number;
  /** RSS of the process when the server stopped. */
  readonly startRssMb: number;
  readonly offeredPerSecond: number;
  /** Ended while the server stood still: status name to count. */
  readonly endedWhileStalled: Readonly<Record<string, number>>;
  /** Ended after it went on: status name to count. */
  readonly endedAfterwards: Readonly<Record<string, number>>;
  /** Calls refused by the client, and how long it took to say so: from the refusal to the caller's callback. */
  readonly shedCalls: number;
  readonly shedP99Ms: number;
  /** Calls that had been let in and were given up together when the last connection was lost; not among those above. */
  readonly givenUpCalls: number;
  /** From the refusal of the first of them to the callback of the last. */
  readonly givenUpMs: number;
  /** How late timers of the process were meanwhile: no call can be told anything sooner. */
  readonly loopDelayP99Ms: number;
  /** Milliseconds from the server's going on to the first call that succeeded; undefined: none did. */
  readonly firstSuccessMs?: number;
  /** Calls that never ended. */
  readonly unsettledCalls: number;
}
