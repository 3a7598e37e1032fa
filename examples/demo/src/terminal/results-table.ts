import Table from 'cli-table3';
import { CONTESTANTS, type ActResult } from '../act.js';
import { NAMES, paint } from './paint.js';

/** Draws what all acts found as one table. */
export function resultsTable(results: readonly ActResult[]): string {
  const table = new Table({
    head: ['', ...CONTESTANTS.map((who) => paint('bold', NAMES[who]))],
    // The library's own colours would also be written into a file.
    style: { head: [], border: [] },
  });
  for (const { act, rows } of results) {
    table.push([{ content: paint('bold', `Act ${act.name} · ${act.title}`), colSpan: 3 }]);
    for (const { label, plain, pooled } of rows) table.push([`  ${label}`, plain, pooled]);
  }
  return table.toString();
}

/** Lists what the demo claims, and whether it held. */
export function claimList(results: readonly ActResult[]): string {
  return results
    .flatMap(({ act, claims }) =>
      claims.map(({ says, measured, holds }) => {
        const mark = holds ? paint('green', '✓ holds') : paint(['bold', 'red'], '✗ DOES NOT HOLD');
        return `  ${mark}  act ${act.name}: ${says}: ${measured}`;
      }),
    )
    .join('\n');
}
