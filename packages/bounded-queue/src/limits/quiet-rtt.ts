import type { LimitSample } from './limit.js';
import type { RoundOptions } from './limit-bounds.js';
import { SampleRound } from './sample-round.js';

/** Rounds in a row with a round trip far above the quiet one before that is measured again out of turn. */
const ROUNDS_OF_DOUBT = 3;
/** Weight of a new measurement in the average. */
const SMOOTHING = 0.5;

/**
 * Measures the round trip of a server that is not queueing, from the calls that were admitted with at most half of the
 * limit in flight. A client with load to spare for its limit brings such calls by itself. One that uses its limit all
 * the time never would, and an average over its calls would rise with the very queue that it makes: then the limit is
 * halved for about two round trips (a probe), in which the server works off what it holds.
 *
 * Half is enough: while calls queue, half the limit has half the round trip, so the limit is seen to be too high as
 * long as half of it still queues. And where nothing queues at half of it, the measured round trip is the true one.
 *
 * Source: the idea that the path must be drained to be measured is ProbeRTT of BBR (Cardwell et al., "BBR:
 * Congestion-Based Congestion Control", ACM Queue 14(5), 2016).
 */
export class QuietRtt {
  readonly #round = new SampleRound();
  readonly #roundCalls: number;
  readonly #probeRounds: number;
  #rttMs: number | undefined;
  #isProbing = false;
  #roundsSince = 0;
  #doubtfulRounds = 0;

  /** @param options `roundCalls` calls make one measurement; `probeRounds` rounds without one bring a probe. */
  constructor(options: Required<RoundOptions>) {
    this.#roundCalls = options.roundCalls;
    this.#probeRounds = options.probeRounds;
  }

  /** Milliseconds; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Whether only half of the limit is to be used just now. */
  get isProbing(): boolean {
    return this.#isProbing;
  }

  /** Takes a sample in, if it is a quiet one. `limit` is the whole of it, also within a probe. */
  onSample(sample: LimitSample, limit: number): void {
    if (sample.inFlight > quietShare(limit)) return;
    this.#round.add(sample);
    if (this.#round.samples < this.#roundCalls) return;
    const measuredMs = this.#round.meanRttMs;
    this.#round.clear();
    this.#isProbing = false;
    this.#roundsSince = 0;
    this.#doubtfulRounds = 0;
    if (measuredMs === undefined) return;
    this.#rttMs = this.#rttMs === undefined ? measuredMs : this.#rttMs + (measuredMs - this.#rttMs) * SMOOTHING;
  }

  /**
   * Takes note of a whole round at any load, and starts a probe when one is due.
   *
   * @param isDoubtful whether the round was so much slower that the quiet round trip itself may have changed.
   */
  onRound(meanRttMs: number, isDoubtful: boolean): void {
    // A quiet call that is twice as slow as a busy one was slow for a reason of its own: opening the connection, say.
    if (this.#rttMs === undefined || this.#rttMs > meanRttMs * 2) this.#rttMs = meanRttMs;
    this.#roundsSince += 1;
    this.#doubtfulRounds = isDoubtful ? this.#doubtfulRounds + 1 : 0;
    if (this.#roundsSince < this.#probeRounds && this.#doubtfulRounds < ROUNDS_OF_DOUBT) return;
    this.#isProbing = true;
    this.#round.clear();
  }
}

/** Calls in flight at which a server is counted as quiet: half of the limit, but at least one. */
export function quietShare(limit: number): number {
  return Math.max(1, Math.floor(limit / 2));
}
