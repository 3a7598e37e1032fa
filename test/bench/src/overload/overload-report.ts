/** What the process that carries the load is told at its start. */
export interface OverloadLoadOptions {
  readonly variant: string;
  readonly port: number;
  readonly callsPerSecond: number;
  readonly deadlineMs: number;
  readonly requestBytes: number;
  /** Milliseconds of the same load that do not count. */
  readonly warmUpMs: number;
  /** Milliseconds that do. */
  readonly measureMs: number;
}

/** What that process tells the bench. `atMs` is the wall clock, the only one that two processes share. */
export type OverloadNews =
  { kind: 'ready' } | { kind: 'measuring'; atMs: number } | { kind: 'report'; report: OverloadReport };

/** One step of time within the measured window: what happened in it, a second, and what stood at its end. */
export interface OverloadStep {
  /** Seconds from the start of the window to the middle of the step. */
  readonly s: number;
  /** How long it lasted, in seconds. */
  readonly lengthS: number;
  /** Calls that ended OK within their deadline, a second. */
  readonly goodput: number;
  /** Calls that the client refused, a second. */
  readonly shed: number;
  /** Calls on their way to the server or waiting in it, as the client knows; undefined without a queue of ours. */
  readonly inFlight?: number;
  readonly queued?: number;
  readonly limit?: number;
}

/** What became of the calls that ended within the window. */
export interface OverloadReport {
  readonly offeredPerSecond: number;
  readonly goodputPerSecond: number;
  readonly shedPerSecond: number;
  /** Latency of the calls that ended OK, from the call to its status; left out when there was none. */
  readonly okP50Ms?: number | undefined;
  readonly okP99Ms?: number | undefined;
  /** From the call to its refusal, less what it waited in a queue; left out when none was refused. */
  readonly shedSettleP99Ms?: number | undefined;
  /** The same with what it waited. */
  readonly shedTotalP99Ms?: number | undefined;
  /** Status name, with the bound that refused, to count. */
  readonly ended: Readonly<Record<string, number>>;
  /** How late timers of the process were: no call can be told anything sooner. */
  readonly loopDelayP99Ms: number;
  /** Share of a processor that the process used. */
  readonly cpuRatio: number;
  readonly steps: readonly OverloadStep[];
}
