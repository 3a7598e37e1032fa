import Table from 'cli-table3';
import type { ShopReport } from './shop.js';
import type { Visits } from './visitor.js';

/** What came of one measurement. */
export interface Result {
  readonly threads: number;
  readonly report: ShopReport;
  readonly visits: Visits;
}

/** Lays the measurements out beside each other. */
export function resultsTable(results: readonly Result[]): string {
  const table = new Table({
    head: ['', ...results.map(({ threads }) => `threads: ${threads}`)],
    colAligns: ['left', ...results.map(() => 'right' as const)],
    // The library's own colours would also be written into a file.
    style: { head: [], border: [] },
  });
  const row = (label: string, show: (result: Result) => string): void => {
    table.push([label, ...results.map(show)]);
  };
  row('gRPC calls answered a second', ({ report }) => report.callsPerSecond.toFixed(0));
  row('gRPC calls that failed', ({ report }) => String(report.failedCalls));
  row('event loop busy', ({ report }) => `${(report.busyRatio * 100).toFixed(0)} %`);
  row('event loop late, p50', ({ report }) => milliseconds(report.delayP50Ms));
  row('event loop late, p99', ({ report }) => milliseconds(report.delayP99Ms));
  row('HTTP page after, p50', ({ visits }) => milliseconds(visits.p50Ms));
  row('HTTP page after, p99', ({ visits }) => milliseconds(visits.p99Ms));
  return table.toString();
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}
