import { OptionReader } from '@grpc-manifold/core/internal';
import { BOUNDS, readBounds, readRounds, ROUND_OPTIONS, type LimitBounds, type RoundOptions } from './limit-bounds.js';
import type { ConcurrencyLimit, LimitSample } from './limit.js';
import { ProbedRounds, type Round } from './probed-rounds.js';

/** Most that one round may cut the limit by: to a half, before smoothing. */
const LOWEST_GRADIENT = 0.5;

/** Options of {@link gradientLimit}. */
export interface GradientLimitOptions extends LimitBounds, RoundOptions {
  /** How many times the quiet round trip calls may take before the limit is cut. 1 to 10; default 1.5. */
  readonly toleranceRatio?: number;
  /** Weight of a new limit against the one in force. 0.01 to 1; default 0.2. */
  readonly smoothingRatio?: number;
}

/** What a {@link GradientLimit} knows. */
export interface GradientLimitState {
  /** The limit before it is rounded down, and before it is halved in a probe. */
  readonly limit: number;
  /** Milliseconds that calls took in the last round in which the limit was in use; undefined before that. */
  readonly roundRttMs: number | undefined;
  /** Milliseconds that calls take while at most half of the limit is in flight; undefined before the first round. */
  readonly quietRttMs: number | undefined;
  /** What the limit was last multiplied by, before the room to grow was added: 0.5 to 1. */
  readonly gradient: number;
  /** Whether the limit is halved just now, to measure the quiet round trip. */
  readonly isProbing: boolean;
}

/**
 * Compares how long calls take now with how long they take when the server is quiet: longer means that they queue
 * there. After each round of calls `limit × gradient + √limit`, smoothed, with gradient = tolerance × quiet / now
 * within [0.5, 1], less the share of the calls that were dropped.
 *
 * Source: Gradient2 of Netflix' concurrency-limits (github.com/Netflix/concurrency-limits). What is not as there:
 * - Rounds are counted in calls, not in seconds, and are much shorter.
 * - In place of the average of 600 windows stands the quiet round trip ({@link ProbedRounds}): under load that never
 *   lets up such an average rises with the queue that the limit makes, and the limit with it, to its maximum.
 * - Dropped calls cut the limit, without smoothing when they are most of a round. Calls that all time out take equally
 *   long, and would let it grow.
 * - Smoothing of growth fades while round after round shows no queue.
 */
export class GradientLimit implements ConcurrencyLimit {
  readonly #options: Required<GradientLimitOptions>;
  readonly #rounds: ProbedRounds;
  #limit: number;
  #roundRttMs: number | undefined;
  #gradient = 1;
  #roundsOfGrowth = 0;

  constructor(options?: GradientLimitOptions) {
    const read = new OptionReader('gradientLimit', options, [
      ...BOUNDS,
      ...ROUND_OPTIONS,
      'toleranceRatio',
      'smoothingRatio',
    ]);
    this.#options = {
      ...readBounds(read),
      ...readRounds(read),
      toleranceRatio: read.number('toleranceRatio', 1.5, { min: 1, max: 10 }),
      smoothingRatio: read.number('smoothingRatio', 0.2, { min: 0.01, max: 1 }),
    };
    this.#limit = this.#options.initialLimit;
    this.#rounds = new ProbedRounds(this.#options);
  }

  /** Below `minLimit` for the time of a probe only. */
  get current(): number {
    return this.#rounds.allowed(this.#limit);
  }

  snapshot(): GradientLimitState {
    return {
      limit: this.#limit,
      roundRttMs: this.#roundRttMs,
      quietRttMs: this.#rounds.quietRttMs,
      gradient: this.#gradient,
      isProbing: this.#rounds.isProbing,
    };
  }

  onSample(sample: LimitSample): void {
    const round = this.#rounds.add(sample, this.#limit);
    if (round !== undefined) this.#endRound(round);
  }

  #endRound(round: Round): void {
    const { meanRttMs, droppedRatio, isUsed } = round;
    const { toleranceRatio } = this.#options;
    const share = meanRttMs === undefined ? 1 : (toleranceRatio * (this.#rounds.quietRttMs ?? meanRttMs)) / meanRttMs;
    this.#rounds.ended(round, isUsed && share < LOWEST_GRADIENT * 1.2);
    if (!isUsed) return;
    this.#roundRttMs = meanRttMs ?? this.#roundRttMs;
    this.#gradient = Math.max(LOWEST_GRADIENT, Math.min(1, share) * (1 - droppedRatio));
    this.#move(droppedRatio);
  }

  #move(droppedRatio: number): void {
    const { minLimit, maxLimit, smoothingRatio } = this.#options;
    const wanted = this.#limit * this.#gradient + Math.sqrt(this.#limit);
    this.#roundsOfGrowth = this.#gradient === 1 ? this.#roundsOfGrowth + 1 : 0;
    // Most calls were in vain: each round that the limit takes to come down is one more.
    const isCut = droppedRatio > 0.5;
    const weight = isCut ? 1 : Math.min(1, smoothingRatio * Math.max(1, this.#roundsOfGrowth));
    const next = this.#limit + (wanted - this.#limit) * weight;
    this.#limit = Math.min(maxLimit, Math.max(minLimit, next));
  }
}

/**
 * Makes a limit that listens for queues at the server by how round trips stretch. The one to begin with: it needs no
 * configuration where the calls through one queue take similar times. Where some take seconds and most take
 * milliseconds, give the slow ones a queue of their own: while they hold half of the limit a probe waits for them.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function gradientLimit(options?: GradientLimitOptions): GradientLimit {
  return new GradientLimit(options);
}
