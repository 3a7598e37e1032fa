import { OptionReader } from '@grpc-manifold/core/internal';
import { BOUNDS, readBounds, type LimitBounds } from './limit-bounds.js';
import type { ConcurrencyLimit, LimitSample } from './limit.js';
import { isUsable, SampleRound } from './sample-round.js';

/** Options of {@link aimdLimit}. */
export interface AimdLimitOptions extends LimitBounds {
  /** What the limit is multiplied by after a round with a dropped call. 0.1 to 0.99; default 0.9. */
  readonly backoffRatio?: number;
  /** A call that took longer, in milliseconds, counts as dropped. 1 or more, or Infinity; default Infinity. */
  readonly timeoutMs?: number;
}

/** What an {@link AimdLimit} knows. */
export interface AimdLimitState {
  /** The limit before it is rounded down. */
  readonly limit: number;
  /** Calls of the round that is under way. */
  readonly samples: number;
  /** Those of them that were dropped. */
  readonly dropped: number;
}

/**
 * Adds one to the limit after each round of calls of which none was dropped, and cuts it by a tenth at a dropped call,
 * once a round. A round is as many calls as the limit allows in flight.
 *
 * Source: additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms
 * for Congestion Avoidance in Computer Networks", 1989; at most one cut for one round trip: RFC 5681, section 3.1.
 */
export class AimdLimit implements ConcurrencyLimit {
  readonly #options: Required<AimdLimitOptions>;
  readonly #round = new SampleRound();
  #limit: number;
  /** Calls that the round under way is made of: the limit at its start. */
  #roundCalls: number;
  /** Calls of the round that were dropped, of which only the first has cut the limit. */
  #dropped = 0;

  constructor(options?: AimdLimitOptions) {
    const read = new OptionReader('aimdLimit', options, [...BOUNDS, 'backoffRatio', 'timeoutMs']);
    this.#options = {
      ...readBounds(read),
      backoffRatio: read.number('backoffRatio', 0.9, { min: 0.1, max: 0.99 }),
      timeoutMs: read.number('timeoutMs', Infinity, { min: 1, unlimited: true }),
    };
    this.#limit = this.#options.initialLimit;
    this.#roundCalls = this.current;
  }

  get current(): number {
    return Math.floor(this.#limit);
  }

  snapshot(): AimdLimitState {
    return { limit: this.#limit, samples: this.#round.samples, dropped: this.#dropped };
  }

  onSample(sample: LimitSample): void {
    if (!isUsable(sample)) return;
    this.#round.add(sample);
    if (sample.dropped || sample.rttMs > this.#options.timeoutMs) {
      this.#dropped += 1;
      if (this.#dropped === 1) this.#limit = Math.max(this.#options.minLimit, this.#limit * this.#options.backoffRatio);
    }
    if (this.#round.samples >= this.#roundCalls) this.#endRound();
  }

  #endRound(): void {
    const isUsed = this.#round.peakInFlight * 2 >= this.#limit;
    if (this.#dropped === 0 && isUsed) this.#limit = Math.min(this.#options.maxLimit, this.#limit + 1);
    this.#round.clear();
    this.#dropped = 0;
    this.#roundCalls = this.current;
  }
}

/**
 * Makes a limit that grows until calls are dropped. The simplest: it knows nothing of round trips unless `timeoutMs` is
 * set, and fills whatever queue the server has until deadlines pass in it.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function aimdLimit(options?: AimdLimitOptions): AimdLimit {
  return new AimdLimit(options);
}
