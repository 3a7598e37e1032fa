/** Milliseconds that one count of attempts is for. */
const WINDOW_MS = 1_000;

/** Bounds how many attempts to connect begin within a second (docs/decisions/0033). Decides, and keeps no timer. */
export class AttemptRate {
  #windowStartMs = -Infinity;
  #attempts = 0;

  constructor(private readonly maxPerSecond: number) {}

  /**
   * Asks for one attempt at a monotonic time. Returns 0 when it may begin now, and is counted; else the milliseconds
   * after which to ask again.
   */
  take(nowMs: number): number {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#attempts = 0;
    }
    if (this.#attempts >= this.maxPerSecond) return this.#windowStartMs + WINDOW_MS - nowMs;
    this.#attempts += 1;
    return 0;
  }
}
