import type { Line, Results } from './scenario.js';

/** A metric over time in the first round of a case, one line a variant. */
export function caseLines(results: Results, caseName: string, key: string): Line[] {
  return results.cells
    .filter((cell) => cell.caseName === caseName)
    .map(({ variant, measurements }) => ({ label: variant, points: measurements[0]?.lines?.[key] ?? [] }));
}
