/** Share of a new round trip in the mean, and of a new deviation in the mean deviation. */
const MEAN_SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
/** Mean deviations above the mean within which nearly every answer comes. */
const DEVIATIONS = 4;
/** Methods with an estimate of their own; a service has dozens, only a mistake makes more. */
const MAX_METHODS = 1_000;

/**
 * Estimates within what time of being sent a call nearly always has its answer: mean + 4 × mean deviation.
 *
 * Source: RFC 6298, where TCP decides so when an answer is overdue.
 */
export class RoundTrip {
  #meanMs = 0;
  #deviationMs = 0;
  #isKnown = false;

  /** Milliseconds; 0 before the first sample. */
  get mostMs(): number {
    return this.#meanMs + DEVIATIONS * this.#deviationMs;
  }

  /** Milliseconds that it takes on average; 0 before the first sample. */
  get meanMs(): number {
    return this.#meanMs;
  }

  /**
   * A call has ended. @param isAnswer false when it was given up: its answer would have taken that long at the least.
   */
  add(rttMs: number, isAnswer: boolean): void {
    const offMs = rttMs - this.#meanMs;
    if (!this.#isKnown) {
      if (!isAnswer) return;
      this.#isKnown = true;
      this.#meanMs = rttMs;
      this.#deviationMs = rttMs / 2;
    } else if (isAnswer || offMs > 0) {
      this.#deviationMs += (Math.abs(offMs) - this.#deviationMs) * DEVIATION_SHARE;
      this.#meanMs += offMs * MEAN_SHARE;
    }
  }
}

/** The round trips of a server, by method: what takes long says nothing of what does not. */
export class RoundTrips {
  readonly #methods = new Map<string, RoundTrip>();

  /** Milliseconds within which a call of this method nearly always has its answer; 0 where nothing is known. */
  mostMs(method: string): number {
    return this.#methods.get(method)?.mostMs ?? 0;
  }

  /** Milliseconds that a call of this method takes on average; 0 where nothing is known. */
  meanMs(method: string): number {
    return this.#methods.get(method)?.meanMs ?? 0;
  }

  add(method: string, rttMs: number, isAnswer: boolean): void {
    let roundTrip = this.#methods.get(method);
    if (roundTrip === undefined) {
      if (this.#methods.size >= MAX_METHODS) return;
      roundTrip = new RoundTrip();
      this.#methods.set(method, roundTrip);
    }
    roundTrip.add(rttMs, isAnswer);
  }
}
