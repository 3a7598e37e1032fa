const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** Draws numbers from 0 to `highest` as a row of at most `width` bars, oldest first. */
export function sparkline(values: readonly number[], highest: number, width: number): string {
  const bars = Math.min(width, values.length);
  let line = '';
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar * values.length) / bars);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * values.length) / bars));
    const peak = Math.max(...values.slice(from, to));
    const height = highest <= 0 ? 0 : Math.round((peak / highest) * (BARS.length - 1));
    line += BARS[Math.min(BARS.length - 1, Math.max(0, height))];
  }
  return line;
}
