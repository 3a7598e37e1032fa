import type { RoundOptions } from './limit-bounds.js';
import type { LimitSample } from './limit.js';
import { QuietRtt, quietShare } from './quiet-rtt.js';
import { isUsable, SampleRound } from './sample-round.js';

/** A round of calls at whatever load, outside of a probe. */
export interface Round {
  /** Mean of the calls that were answered; undefined when none was. */
  readonly meanRttMs: number | undefined;
  /** Share of the calls that were dropped, 0 to 1. */
  readonly droppedRatio: number;
  /** Whether at least half of the limit was in flight at once: one that nobody uses is not to be moved. */
  readonly isUsed: boolean;
}

/**
 * Sorts samples into rounds, which a limit moves by, and probes, in which it is halved and the {@link QuietRtt}
 * measured.
 */
export class ProbedRounds {
  readonly #roundCalls: number;
  readonly #round = new SampleRound();
  readonly #quiet: QuietRtt;

  constructor(options: Required<RoundOptions>) {
    this.#roundCalls = options.roundCalls;
    this.#quiet = new QuietRtt(options);
  }

  /** Milliseconds that calls take while at most half of the limit is in flight; undefined before the first round. */
  get quietRttMs(): number | undefined {
    return this.#quiet.rttMs;
  }

  get isProbing(): boolean {
    return this.#quiet.isProbing;
  }

  /** Calls that may be in flight just now, out of a limit. */
  allowed(limit: number): number {
    return this.#quiet.isProbing ? quietShare(limit) : Math.floor(limit);
  }

  /** Takes a sample in. Returns the round that it completes, if it does. */
  add(sample: LimitSample, limit: number): Round | undefined {
    if (!isUsable(sample)) return undefined;
    const wasProbing = this.#quiet.isProbing;
    this.#quiet.onSample(sample, limit);
    if (wasProbing) return undefined;
    this.#round.add(sample);
    if (this.#round.samples < Math.max(this.#roundCalls, limit)) return undefined;
    const { meanRttMs, droppedRatio, peakInFlight } = this.#round;
    this.#round.clear();
    return { meanRttMs, droppedRatio, isUsed: peakInFlight * 2 >= limit };
  }

  /**
   * A round was made use of.
   *
   * @param isDoubtful whether it was so much slower that the quiet round trip itself may have changed.
   */
  ended({ meanRttMs }: Round, isDoubtful: boolean): void {
    if (meanRttMs !== undefined) this.#quiet.onRound(meanRttMs, isDoubtful);
  }
}
