import type { CallEnding } from './calls/ledger.js';
import type { SoakCallKind } from './calls/call-plan.js';
import type { FaultFigures } from './faults/fault-script.js';
import type { FaultName } from './faults/fault-kinds.js';
import type { HeapFigures } from './watch/heap-watch.js';
import type { ConnectionFigures } from './watch/pool-watch.js';

/** What a soak came to. */
export interface SoakResult {
  readonly seed: number;
  readonly seconds: number;
  readonly startedCalls: number;
  readonly retriedCalls: number;
  readonly unrepeatableCalls: number;
  readonly calls: ReadonlyMap<SoakCallKind, Readonly<Record<CallEnding, number>>>;
  readonly faults: ReadonlyMap<FaultName, FaultFigures>;
  readonly connections: ConnectionFigures;
  readonly heap: HeapFigures | undefined;
  /** What must not have happened, in words. Empty when nothing did. */
  readonly violations: readonly string[];
}
