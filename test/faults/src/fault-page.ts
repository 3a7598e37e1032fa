import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CellReport } from './cell.js';
import { POOL_SIZE } from './scene.js';

const PAGE = fileURLToPath(new URL('../../../docs/faults.md', import.meta.url));
const BEGIN = '<!-- begin: npm run faults -->\n';
const END = '<!-- end: npm run faults -->';

const HEAD = ['fault', 'calls', 'what callers saw', 'time to recover', 'touched'];

/** The table, as the reports have it. */
function tableOf(reports: readonly CellReport[]): string {
  const rows = reports.map(({ fault, kind, saw, recoveryMs, touched }) => [
    fault,
    kind,
    Object.entries(saw)
      .map(([role, sight]) => `*${role}* ${inCode(sight)}`)
      .join('; '),
    `${Math.round(recoveryMs)} ms`,
    touched === 0 ? 'none' : `${touched} of ${POOL_SIZE}`,
  ]);
  return [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Status and tag, each as code. */
function inCode(sight: string): string {
  return sight
    .split(' or ')
    .map((each) => each.replace(/\S+/g, '`$&`'))
    .join(' or ');
}

/** Times differ from run to run. */
function withoutTimes(table: string): string {
  return table.replace(/\| \d+ ms \|/g, '| … ms |');
}

/**
 * Compares what was seen with the table of docs/faults.md, or writes that anew when `MANIFOLD_FAULTS` is 'write'.
 * Returns both without their times.
 */
export async function checkOrWrite(reports: readonly CellReport[]): Promise<{ written: string; seen: string }> {
  const page = await readFile(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const [table = '', after = ''] = rest.split(END);
  const seen = tableOf(reports);
  if (process.env['MANIFOLD_FAULTS'] !== 'write') return { written: withoutTimes(table), seen: withoutTimes(seen) };
  await writeFile(PAGE, `${before}${BEGIN}${seen}${END}${after}`);
  return { written: withoutTimes(seen), seen: withoutTimes(seen) };
}
