/** More of one kind are counted and no longer written down: a broken build would fill the memory that is watched. */
const WRITTEN_OF_A_KIND = 10;

/** Collects what must not have happened. */
export class Violations {
  readonly #counts = new Map<string, number>();
  readonly #lines: string[] = [];
  readonly #startMs = performance.now();
  readonly #onLine: (line: string) => void;

  /** @param onLine is told of each that is written down, as it happens. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** @param kind the invariant, in words. @param what how it was broken. */
  add(kind: string, what: string): void {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count > WRITTEN_OF_A_KIND) return;
    const line = `${((performance.now() - this.#startMs) / 1_000).toFixed(1)} s: ${kind}: ${what}`;
    this.#lines.push(line);
    this.#onLine(line);
  }

  /** How many there were. */
  get count(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  /** They in words, in order. */
  lines(): readonly string[] {
    const more = [...this.#counts].filter(([, count]) => count > WRITTEN_OF_A_KIND);
    return [...this.#lines, ...more.map(([kind, count]) => `${kind}: ${count} in all`)];
  }
}
