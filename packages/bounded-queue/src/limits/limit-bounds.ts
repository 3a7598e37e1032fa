import type { OptionReader } from '@grpc-manifold/core/internal';

/** Between what an adaptive limit moves, in calls in flight. */
export interface LimitBounds {
  /** What it starts with. `minLimit` to `maxLimit`; default 20, or the bound that is nearer. */
  readonly initialLimit?: number;
  /** Lowest that it goes to. 1 to 10,000,000; default 1. */
  readonly minLimit?: number;
  /** Highest that it goes to. `minLimit` to 10,000,000; default 1,000, or `minLimit` where that is more. */
  readonly maxLimit?: number;
}

/** Names of {@link LimitBounds}. */
export const BOUNDS = ['initialLimit', 'minLimit', 'maxLimit'] as const;

/** Most calls in flight that a limit may be set to. */
export const MOST_CALLS = 10_000_000;

/** Reads the bounds. */
export function readBounds(read: OptionReader<LimitBounds>): Required<LimitBounds> {
  const minLimit = read.integer('minLimit', 1, { min: 1, max: MOST_CALLS });
  const maxLimit = read.integer('maxLimit', Math.max(1_000, minLimit), { min: minLimit, max: MOST_CALLS });
  const nearest = Math.min(Math.max(20, minLimit), maxLimit);
  const initialLimit = read.integer('initialLimit', nearest, { min: minLimit, max: maxLimit });
  return { initialLimit, minLimit, maxLimit };
}

/** How the limits that listen for queues measure. Times are counted in calls: a limit has no clock. */
export interface RoundOptions {
  /**
   * Fewest calls that a round is made of; it is made of as many as the limit where that is more, which is about one
   * round trip of a client that uses all of it. 1 to 1,000,000; default 20: the mean of fewer says little where round
   * trips vary.
   */
  readonly roundCalls?: number;
  /**
   * Rounds without calls in the lower half of the limit after which the limit is halved for about two round trips, to
   * measure the quiet round trip anew. 4 to 1,000,000; default 50, which costs a quarter of a percent of the
   * throughput, of vegasLimit one percent.
   */
  readonly probeRounds?: number;
}

/** Names of {@link RoundOptions}. */
export const ROUND_OPTIONS = ['roundCalls', 'probeRounds'] as const;

/** Reads the options of rounds. */
export function readRounds(read: OptionReader<RoundOptions>): Required<RoundOptions> {
  return {
    roundCalls: read.integer('roundCalls', 20, { min: 1, max: 1_000_000 }),
    probeRounds: read.integer('probeRounds', 50, { min: 4, max: 1_000_000 }),
  };
}
