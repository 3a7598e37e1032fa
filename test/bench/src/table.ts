import Table from 'cli-table3';
import type { Cell, Goal, Metric, Quartiles } from './scenario.js';
import type { ResultFile } from './result-file.js';

/** Lays out a result for the terminal: the table, the goals, and what else was found. */
export function renderResult(result: ResultFile): string {
  const { node, cpu, cores, load, packages } = result.machine;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    '',
    `${result.scenario}: ${result.work}`,
    `Node ${node}, ${cores} × ${cpu}, load ${load.toFixed(1)} at the start; ${versions.join(', ')}`,
    `medians [quartiles] of ${result.rounds.measured} rounds${result.quick ? '; a quick run, NOT a measurement' : ''}`,
    renderTable(result),
    ...result.cells.flatMap(cellNotes),
    ...result.goals.map(renderGoal),
    ...result.facts,
  ].join('\n');
}

function renderTable({ cells, metrics, baseline }: ResultFile): string {
  const withCases = cells.some(({ caseName }) => caseName !== '');
  const shown = metrics.filter(({ key }) => cells.some(({ summary }) => summary[key] !== undefined));
  const columns = shown.flatMap((metric) => [metric.title, ...(metric.ratio === true ? [`× ${baseline}`] : [])]);
  // Many columns do not fit beside each other in a terminal, but variants do.
  if (columns.length > 8) return renderTransposed(cells, shown);
  const table = new Table({
    head: [...(withCases ? ['case'] : []), 'variant', ...columns],
    colAligns: [...(withCases ? ['left' as const] : []), 'left', ...columns.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const cell of cells) {
    const values = shown.flatMap((metric) => [
      formatValue(cell, metric),
      ...(metric.ratio === true ? [formatQuartiles(cell.ratios[metric.key], 2)] : []),
    ]);
    table.push([...(withCases ? [cell.caseName] : []), cell.variant, ...values]);
  }
  return table.toString();
}

function renderTransposed(cells: readonly Cell[], metrics: readonly Metric[]): string {
  const table = new Table({
    head: ['', ...cells.map(({ caseName, variant }) => `${caseName}\n${variant}`)],
    colAligns: ['left', ...cells.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const metric of metrics) table.push([metric.title, ...cells.map((cell) => formatValue(cell, metric))]);
  return table.toString();
}

/** Writes a metric of a cell as `median [q1–q3]`; only the value when it was measured once. */
export function formatValue(cell: Cell, { key, digits }: Metric): string {
  return cell.measurements.length === 1
    ? (cell.summary[key]?.median.toFixed(digits) ?? '–')
    : formatQuartiles(cell.summary[key], digits);
}

/** Writes `median [q1–q3]`. */
export function formatQuartiles(value: Quartiles | undefined, digits: number): string {
  if (value === undefined) return '–';
  return `${value.median.toFixed(digits)} [${value.q1.toFixed(digits)}–${value.q3.toFixed(digits)}]`;
}

/** Says whether a goal was reached, and by what. */
export function renderGoal({ text, measured, reached }: Goal): string {
  return `${reached === undefined ? 'not judged' : reached ? 'reached' : 'MISSED'}: ${text}: ${measured}`;
}

/** Lists what is worth a line below the table. */
export function cellNotes({ caseName, variant, measurements }: Cell): string[] {
  const name = caseName === '' ? variant : `${caseName}, ${variant}`;
  return measurements.flatMap(({ note }) => (note === undefined ? [] : [`${name}: ${note}`]));
}
