/** Resets that a connection may send at once. */
export const RESET_BURST = 800;
/** Below this part of the burst a budget is nearly used up. */
const LOW_RATIO = 1 / 8;

/**
 * How many calls one connection may end by RST_STREAM: a token bucket just inside the one that nghttp2 servers (Node's
 * among them) keep against rapid reset, CVE-2023-44487: 1,000 at once, then 33 a second; beyond it they close the
 * whole connection, and every stream on it dies.
 */
export class ResetBudget {
  #tokens: number;
  #asOfMs: number;

  constructor(
    nowMs: number,
    private readonly burst = RESET_BURST,
    private readonly perSecond = 25,
  ) {
    this.#tokens = burst;
    this.#asOfMs = nowMs;
  }

  /** Takes one reset out of the budget; false when none is left. `nowMs` is monotonic. */
  take(nowMs: number): boolean {
    this.#tokens = this.#tokensAt(nowMs);
    this.#asOfMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** True while less than an eighth of the burst is left (docs/decisions/0011). `nowMs` is monotonic. */
  isLow(nowMs: number): boolean {
    return this.#tokensAt(nowMs) < this.burst * LOW_RATIO;
  }

  #tokensAt(nowMs: number): number {
    return Math.min(this.burst, this.#tokens + ((nowMs - this.#asOfMs) * this.perSecond) / 1_000);
  }
}
