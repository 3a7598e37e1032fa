/** How many admissions must have been seen before they say anything. */
const MIN_SAMPLES = 20;
/** Milliseconds in which what was seen loses all but 1/e of its weight, where admissions are that frequent. */
const FADES_IN_MS = 100;
/** The most weight that one admission takes from those before it: about the last ten count, however rare they are. */
const FORGETS_AT_MOST = 0.1;
/** What is older than this, in milliseconds, says nothing of now. */
const STALE_AFTER_MS = 1_000;

/**
 * Estimates how long a call would wait from how fast waiting calls have been admitted lately: the average time between
 * two admissions × the calls in front (Little's law). Time and admissions are added up apart and fade together, so that
 * it makes no difference whether admissions come one by one or, as answers do, many in one turn of the event loop.
 */
export class WaitEstimate {
  #busyMs = 0;
  #admissions = 0;
  #samples = 0;
  #lastMs = -Infinity;
  #othersWaited = false;

  /**
   * A waiting call was admitted. `nowMs` is monotonic. Only from one admission to the next with calls waiting all the
   * while does the time between tell a pace.
   */
  admitted(nowMs: number, othersWait: boolean): void {
    const sinceMs = nowMs - this.#lastMs;
    const isPace = this.#othersWaited;
    this.#lastMs = nowMs;
    this.#othersWaited = othersWait;
    if (sinceMs > STALE_AFTER_MS) {
      this.#samples = 0;
      this.#admissions = 0;
      this.#busyMs = 0;
      return;
    }
    if (!isPace) return;
    const keep = Math.max(1 - FORGETS_AT_MOST, Math.exp(-sinceMs / FADES_IN_MS));
    this.#samples += 1;
    this.#admissions = this.#admissions * keep + 1;
    this.#busyMs = this.#busyMs * keep + sinceMs;
  }

  /** Milliseconds that a call behind `ahead` others would wait, or 0 when nothing can be said. */
  expectedMs(ahead: number, nowMs: number): number {
    if (this.#samples < MIN_SAMPLES || nowMs - this.#lastMs > STALE_AFTER_MS) return 0;
    return (this.#busyMs / this.#admissions) * (ahead + 1);
  }
}
