const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Writes a number for reading: whole with thousands marked. */
export function count(value: number): string {
  return whole.format(value);
}

/** Writes a number with one decimal. */
export function oneDecimal(value: number): string {
  return tenths.format(value);
}

/** Writes milliseconds: 0.4 ms, 87 ms, 2.3 s; a dash for none. */
export function duration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 10) return `${oneDecimal(ms)} ms`;
  return ms < 1_000 ? `${count(ms)} ms` : `${oneDecimal(ms / 1_000)} s`;
}

/** Writes a growth of memory: +12 MB. */
export function growth(mb: number): string {
  return `${mb < 0 ? '−' : '+'}${count(Math.abs(mb))} MB`;
}

/** Writes how calls ended: "OK 41,200 · RESOURCE_EXHAUSTED 3,000". */
export function statusCounts(statuses: Readonly<Record<string, number>>): string {
  const entries = Object.entries(statuses).sort(([, a], [, b]) => b - a);
  return entries.length === 0 ? 'none' : entries.map(([name, calls]) => `${name} ${count(calls)}`).join('\n');
}
