import type { Judgement } from './outliers.js';
import type { Vitals } from '../member/vitals.js';

/**
 * Notes in what is known of each connection what was decided on it.
 *
 * @param connections the same, in the same order, as were judged.
 * @param ask asks a connection for a sign of life; false where it cannot be asked.
 */
export function note(
  connections: readonly Vitals[],
  { decisions, slowAboveMs }: Judgement,
  nowMs: number,
  ask: (vitals: Vitals) => boolean,
): void {
  connections.forEach((vitals, index) => (vitals.slowAboveMs = slowAboveMs[index] ?? Infinity));
  for (const decision of decisions) {
    const { vitals } = decision;
    if (decision.kind === 'eject') vitals.eject(decision.ejection, decision.timesInARow);
    else if (decision.kind === 'readmit') vitals.readmit(nowMs);
    else vitals.asking = ask(vitals) ? 'asked' : 'cannot';
  }
}
