/**
 * Follows the resident memory of this process. Growth is what lies above the most that it had before the baseline was
 * taken: also when all is well, V8 lets garbage pile up by some 30 MB before it looks through its old generation, so
 * that any single moment would be a baseline of chance.
 */
export class MemoryCurve {
  readonly #readings: (readonly [atMs: number, rssMb: number])[] = [];
  #baselineMb: number | undefined;

  /** Takes a reading and gives the growth in MB: 0 before there is a baseline. */
  read(atMs: number): number {
    const rssMb = process.memoryUsage.rss() / 1e6;
    this.#readings.push([atMs, rssMb]);
    return rssMb - (this.#baselineMb ?? rssMb);
  }

  /** Makes the highest reading so far the baseline. */
  takeBaseline(): void {
    this.read(performance.now());
    this.#baselineMb = Math.max(...this.#readings.map(([, rssMb]) => rssMb));
  }

  /** All readings as growth in MB. */
  get points(): (readonly [atMs: number, growthMb: number])[] {
    return this.#readings.map(([atMs, rssMb]) => [atMs, rssMb - (this.#baselineMb ?? rssMb)]);
  }

  /** The highest growth, in MB, from one moment to another. */
  peakMb(fromMs: number, toMs: number): number {
    return Math.max(...this.#within(fromMs, toMs));
  }

  /**
   * How much the lowest growth in the second half of a time lies above the lowest in the quarter before it, in MB. The
   * low points are what is left when V8 has collected; between them only garbage comes and goes.
   */
  floorRiseMb(fromMs: number, toMs: number): number {
    const at = (share: number): number => fromMs + (toMs - fromMs) * share;
    return Math.min(...this.#within(at(0.5), toMs)) - Math.min(...this.#within(at(0.25), at(0.5)));
  }

  #within(fromMs: number, toMs: number): number[] {
    return this.points.filter(([atMs]) => atMs >= fromMs && atMs <= toMs).map(([, growthMb]) => growthMb);
  }
}
