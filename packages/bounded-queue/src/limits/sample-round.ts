import type { LimitSample } from './limit.js';

/**
 * Adds up samples until they make a round: as many as there may be calls in flight, so about one round trip of a client
 * that uses all of its limit, but no fewer than `roundCalls`. That is what stands in for a window of time.
 */
export class SampleRound {
  #rttSumMs = 0;
  #answered = 0;
  #dropped = 0;
  #peakInFlight = 0;

  add(sample: LimitSample): void {
    this.#peakInFlight = Math.max(this.#peakInFlight, sample.inFlight);
    if (sample.dropped) {
      this.#dropped += 1;
      return;
    }
    this.#answered += 1;
    this.#rttSumMs += sample.rttMs;
  }

  get samples(): number {
    return this.#answered + this.#dropped;
  }

  /** Most calls that were in flight at once. */
  get peakInFlight(): number {
    return this.#peakInFlight;
  }

  /** Share of the calls that were dropped, 0 to 1. */
  get droppedRatio(): number {
    return this.samples === 0 ? 0 : this.#dropped / this.samples;
  }

  /**
   * Mean of the calls that were answered; undefined when none was. A dropped call's time says when somebody gave up.
   */
  get meanRttMs(): number | undefined {
    return this.#answered === 0 ? undefined : this.#rttSumMs / this.#answered;
  }

  clear(): void {
    this.#rttSumMs = 0;
    this.#answered = 0;
    this.#dropped = 0;
    this.#peakInFlight = 0;
  }
}

/** Whether a sample can be learned from. */
export function isUsable(sample: LimitSample): boolean {
  return sample.rttMs >= 0 && sample.rttMs < Infinity && sample.inFlight >= 0;
}
