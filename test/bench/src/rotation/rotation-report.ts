/** What the process that carries the load is told at its start. */
export interface RotationLoadOptions {
  readonly port: number;
  readonly members: number;
  /** Milliseconds after which a member is replaced; left out: never. */
  readonly maxAgeMs?: number;
  readonly callsPerSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What that process tells the bench. */
export type RotationNews = { kind: 'ready' } | { kind: 'report'; report: RotationReport };

/** What became of the calls and of the members. */
export interface RotationReport {
  readonly offeredPerSecond: number;
  readonly okPerSecond: number;
  /** Ended with another status than OK, or never. */
  readonly failedCalls: number;
  readonly okP50Ms: number;
  readonly okP99Ms: number;
  readonly okMaxMs: number;
  readonly replacedPerSecond: number;
  /** The fewest members that were ready at one time. */
  readonly fewestReady: number;
  readonly loopDelayP99Ms: number;
  /** CPU time of the process over time. */
  readonly cpuRatio: number;
}
