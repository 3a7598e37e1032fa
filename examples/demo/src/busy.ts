import type { ActResult } from './act.js';

/** Below this share of a processor a client was kept waiting by other programs. */
const BUSY_BELOW_SHARE = 0.9;

/** Says so when other programs took the processor from what was measured; undefined when none did. */
export function busyNote(results: readonly ActResult[]): string | undefined {
  const share = Math.min(...results.map(({ processorShare }) => processorShare));
  if (share >= BUSY_BELOW_SHARE) return undefined;
  return (
    `This machine was busy with something else: a client that had work to do got ${Math.round(share * 100)} % of one ` +
    `processor. Rates and times say little then; run the demo again when it is quiet.`
  );
}
