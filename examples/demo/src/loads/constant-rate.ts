/** Milliseconds between two looks at how many calls are due. */
const TICK_MS = 1;
/** What a longer pause left undone is dropped: a catch-up would be a burst, not a rate. */
const LONGEST_CATCH_UP_MS = 5;

/** Makes calls at a constant rate, whether or not earlier ones were answered, until it is disposed. */
export class ConstantRate implements Disposable {
  readonly #ticking: NodeJS.Timeout;
  #calls = 0;

  /** @param rampSeconds The rate rises to its full height in this time; 0 for at once. */
  constructor(callsPerSecond: number, rampSeconds: number, makeCall: () => void) {
    const beganAtMs = performance.now();
    let tickedAtMs = beganAtMs;
    let due = 0;
    this.#ticking = setInterval(() => {
      const nowMs = performance.now();
      const share = rampSeconds === 0 ? 1 : Math.min(1, (nowMs - beganAtMs) / (rampSeconds * 1_000));
      due += (Math.min(nowMs - tickedAtMs, LONGEST_CATCH_UP_MS) * callsPerSecond * share) / 1_000;
      tickedAtMs = nowMs;
      for (; due >= 1; due -= 1) {
        this.#calls += 1;
        makeCall();
      }
    }, TICK_MS);
  }

  /** Calls that were made so far. */
  get calls(): number {
    return this.#calls;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking);
  }
}
