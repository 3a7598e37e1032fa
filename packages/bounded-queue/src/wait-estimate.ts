/** How many admissions must have been seen before they say anything. */
const MIN_SAMPLES = 20;
/** Share of a new interval in the average. */
const SMOOTHING = 0.1;
/** An average that is older than this, in milliseconds, says nothing of now. */
const STALE_AFTER_MS = 1_000;

/**
 * Estimates how long a call would wait from how fast waiting calls have been handed to connections lately: the average
 * time between two admissions × the calls in front (Little's law).
 */
export class WaitEstimate {
  #intervalMs = 0;
  #samples = 0;
  #lastMs = -Infinity;
  #othersWaited = false;

  /**
   * A waiting call was admitted. `nowMs` is monotonic. Only from one admission to the next with calls waiting all the while
   * does the time between tell a pace.
   */
  admitted(nowMs: number, othersWait: boolean): void {
    const sinceMs = nowMs - this.#lastMs;
    const isPace = this.#othersWaited;
    this.#lastMs = nowMs;
    this.#othersWaited = othersWait;
    if (sinceMs > STALE_AFTER_MS) {
      this.#samples = 0;
      this.#intervalMs = 0;
      return;
    }
    if (!isPace) return;
    this.#samples += 1;
    const weight = Math.max(SMOOTHING, 1 / this.#samples);
    this.#intervalMs += (sinceMs - this.#intervalMs) * weight;
  }

  /** Milliseconds that a call behind `ahead` others would wait, or 0 when nothing can be said. */
  expectedMs(ahead: number, nowMs: number): number {
    if (this.#samples < MIN_SAMPLES || nowMs - this.#lastMs > STALE_AFTER_MS) return 0;
    return this.#intervalMs * (ahead + 1);
  }
}
