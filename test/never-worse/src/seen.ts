/** What a case saw of one client: for each thing looked at, how calls ended or how many there were. Never a time. */
export type Seen = Readonly<Record<string, string | number>>;

/** Stands for a call that did not end, or a wait that did not. */
export const HANGS = 'hangs';

/** Counts endings: 'OK', or '3 × OK, 2 × UNAVAILABLE', sorted by name. */
export function tally(endings: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const ending of endings) counts.set(ending, (counts.get(ending) ?? 0) + 1);
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.map(([ending, count]) => (count === 1 ? ending : `${count} × ${ending}`)).join(', ');
}

/** Writes endings in their order: 'OK, UNAVAILABLE, OK'. */
export function inOrder(endings: readonly string[]): string {
  return endings.join(', ');
}

/** How often an ending is counted in what {@link tally} or {@link inOrder} wrote. */
export function countIn(sight: string | number, ending: string): number {
  if (typeof sight === 'number') return 0;
  let count = 0;
  for (const part of sight.split(', ')) {
    const { times = '1', name } = /^(?:(?<times>\d+) × )?(?<name>.*)$/s.exec(part)?.groups ?? {};
    if (name === ending) count += Number(times);
  }
  return count;
}
