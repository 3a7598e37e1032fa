import { OptionReader } from '@grpc-manifold/core/internal';
import { BOUNDS, readBounds, readRounds, ROUND_OPTIONS, type LimitBounds, type RoundOptions } from './limit-bounds.js';
import type { ConcurrencyLimit, LimitSample } from './limit.js';
import { ProbedRounds, type Round } from './probed-rounds.js';

/** Options of {@link vegasLimit}. */
export interface VegasLimitOptions extends LimitBounds, RoundOptions {
  /** The limit grows while fewer than this × log₁₀(limit) calls queue at the server. 0.1 to 100; default 3. */
  readonly alpha?: number;
  /**
   * The limit shrinks while more than this × log₁₀(limit) calls queue at the server. `alpha` to 1,000; default 6, or
   * `alpha` where that is more.
   */
  readonly beta?: number;
}

/** What a {@link VegasLimit} knows. */
export interface VegasLimitState {
  /** The limit before it is rounded down, and before it is halved in a probe. */
  readonly limit: number;
  /** Milliseconds that calls take while at most half of the limit is in flight; undefined before the first round. */
  readonly quietRttMs: number | undefined;
  /** Calls that queued at the server in the last round in which the limit was in use; undefined before that. */
  readonly queuedThere: number | undefined;
  /** Whether the limit is halved just now, to measure the quiet round trip. */
  readonly isProbing: boolean;
}

/**
 * Estimates how many calls queue at the server, `limit × (1 − quiet / now)`, and keeps them between α and β. So a small
 * queue is always there, of a length that hardly depends on the limit: shorter waits than {@link gradientLimit}'s on a
 * server of many workers, less throughput where round trips vary: a quarter less where they have a long tail.
 *
 * Source: Brakmo, O'Malley, Peterson, "TCP Vegas", SIGCOMM 1994; α and β that grow with log₁₀(limit), and steps of
 * log₁₀(limit) or, without any queue, of β, as in Netflix' concurrency-limits. What is not as there: the quiet round
 * trip is measured at half the limit ({@link ProbedRounds}), not taken from whatever call comes at the time of a probe;
 * a queue far above β is halved rather than worked off by steps, and dropped calls cut the limit by half their share.
 */
export class VegasLimit implements ConcurrencyLimit {
  readonly #options: Required<VegasLimitOptions>;
  readonly #rounds: ProbedRounds;
  #limit: number;
  #queuedThere: number | undefined;

  constructor(options?: VegasLimitOptions) {
    const read = new OptionReader('vegasLimit', options, [...BOUNDS, ...ROUND_OPTIONS, 'alpha', 'beta']);
    const alpha = read.number('alpha', 3, { min: 0.1, max: 100 });
    const beta = read.number('beta', Math.max(6, alpha), { min: alpha, max: 1_000 });
    this.#options = { ...readBounds(read), ...readRounds(read), alpha, beta };
    this.#limit = this.#options.initialLimit;
    this.#rounds = new ProbedRounds(this.#options);
  }

  /** Below `minLimit` for the time of a probe only. */
  get current(): number {
    return this.#rounds.allowed(this.#limit);
  }

  snapshot(): VegasLimitState {
    return {
      limit: this.#limit,
      quietRttMs: this.#rounds.quietRttMs,
      queuedThere: this.#queuedThere,
      isProbing: this.#rounds.isProbing,
    };
  }

  onSample(sample: LimitSample): void {
    const round = this.#rounds.add(sample, this.#limit);
    if (round !== undefined) this.#endRound(round);
  }

  #endRound(round: Round): void {
    const { meanRttMs, droppedRatio, isUsed } = round;
    if (meanRttMs !== undefined) {
      const quietMs = Math.min(this.#rounds.quietRttMs ?? meanRttMs, meanRttMs);
      if (isUsed) this.#queuedThere = meanRttMs === 0 ? 0 : this.#limit * (1 - quietMs / meanRttMs);
      this.#rounds.ended(round, isUsed && meanRttMs > quietMs * 2.5);
    }
    if (isUsed) this.#move(droppedRatio);
  }

  #move(droppedRatio: number): void {
    const { minLimit, maxLimit } = this.#options;
    const step = droppedRatio === 1 ? 0 : this.#step();
    const next = this.#limit + step - (this.#limit * droppedRatio) / 2;
    this.#limit = Math.min(maxLimit, Math.max(minLimit, next));
  }

  /** Calls that the queue at the server moves the limit by. */
  #step(): number {
    const log = Math.max(1, Math.log10(this.#limit));
    const queued = this.#queuedThere ?? 0;
    if (queued <= log) return this.#options.beta * log;
    if (queued < this.#options.alpha * log) return log;
    if (queued > this.#options.beta * log) return -Math.max(log, (queued - this.#options.beta * log) / 2);
    return 0;
  }
}

/**
 * Makes a limit that keeps a short queue at the server.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function vegasLimit(options?: VegasLimitOptions): VegasLimit {
  return new VegasLimit(options);
}
