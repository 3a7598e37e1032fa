import Table from 'cli-table3';
import type { CallEnding } from './calls/ledger.js';
import type { SoakResult } from './soak-result.js';

const ENDINGS: readonly CallEnding[] = ['ok', 'asked', 'cancelled', 'deadline', 'refused', 'failed'];
const PLAIN = { style: { head: [], border: [], compact: true } };

/** Lays out what a soak came to. */
export function renderResult(result: SoakResult): string {
  const { seed, seconds, startedCalls, retriedCalls, unrepeatableCalls, connections, heap, violations } = result;
  return [
    `${seconds.toFixed(0)} s with seed ${seed} on Node ${process.version}: ${startedCalls} calls, ${retriedCalls} tried again elsewhere, ` +
      `${unrepeatableCalls} not begun that could not be`,
    renderCalls(result),
    renderFaults(result),
    `connections: ${connections.opened} opened, ${connections.closed} closed, at most ${connections.peakSockets} sockets`,
    `drained for: ${renderCounts(connections.drained)}`,
    `faults seen by the pool: ${renderCounts(connections.faults)}`,
    heap === undefined
      ? 'heap: too few samples'
      : `heap after the warm-up: ${heap.firstMiB.toFixed(1)} MiB to ${heap.lastMiB.toFixed(1)} MiB in ${heap.samples} samples, ` +
        `${(heap.mibPerMinute * 1_024).toFixed(0)} KiB a minute`,
    ...(violations.length === 0
      ? ['every invariant held']
      : ['VIOLATIONS', ...violations, `To repeat it: --seed ${seed}`]),
  ].join('\n');
}

function renderCalls({ calls }: SoakResult): string {
  const table = new Table({ ...PLAIN, head: ['call', ...ENDINGS] });
  for (const [kind, counts] of [...calls].sort()) table.push([kind, ...ENDINGS.map((ending) => counts[ending])]);
  return table.toString();
}

function renderFaults({ faults }: SoakResult): string {
  const table = new Table({ ...PLAIN, head: ['fault', 'times', 'calls failed', 'longest until the last of them, ms'] });
  for (const [name, { count, failedCalls, longestHurtMs }] of [...faults].sort()) {
    table.push([name, count, failedCalls, longestHurtMs.toFixed(0)]);
  }
  return table.toString();
}

function renderCounts(counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([key, count]) => `${key} ${count}`);
  return parts.join('; ') || 'none';
}
