import { inspect } from 'node:util';
import { OptionReader } from '@grpc-manifold/core/internal';
import { fixedLimit, type ConcurrencyLimit } from '../limits/index.js';
import { MOST_CALLS } from '../limits/limit-bounds.js';
import {
  QUEUE_OPTION_NAMES,
  resolveQueueOptions,
  type QueueOptions,
  type ResolvedQueueOptions,
} from '../queue/index.js';

/** Shapes a bounded queue: how many calls may be in flight, and how the others wait. */
export interface BoundedQueueOptions extends QueueOptions {
  /**
   * Calls that may be in flight at once: a whole number from 1 to 10,000,000, Infinity, or what learns it from how
   * calls go, as `gradientLimit()` does. Default 100.
   */
  readonly limit?: number | ConcurrencyLimit;
  /**
   * Streaming calls that may be in flight at once, in slots of their own beside those of `limit`. 1 to
   * 10,000,000; default Infinity: streaming calls take slots of `limit`, as unary calls do.
   */
  readonly streamLimit?: number;
}

/** {@link BoundedQueueOptions} with every default filled in. */
export interface ResolvedBoundedQueueOptions {
  readonly limit: ConcurrencyLimit;
  readonly streamLimit: number;
  readonly queue: ResolvedQueueOptions;
}

const WHERE = 'boundedQueue';
const KNOWN = ['limit', 'streamLimit', ...QUEUE_OPTION_NAMES] as const;

/**
 * Fills in the defaults and checks every value.
 *
 * @param base what an option falls back to when it is not given: the defaults, or what is in force.
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveBoundedQueueOptions(
  options: BoundedQueueOptions | undefined,
  base?: ResolvedBoundedQueueOptions,
): ResolvedBoundedQueueOptions {
  const read = new OptionReader<BoundedQueueOptions>(WHERE, options, KNOWN);
  const { limit, streamLimit: _streamLimit, ...queue } = options ?? {};
  return {
    limit: readLimit(read, limit, base?.limit),
    streamLimit: read.integer('streamLimit', base?.streamLimit ?? Infinity, {
      min: 1,
      max: MOST_CALLS,
      unlimited: true,
    }),
    queue: resolveQueueOptions(queue, base?.queue),
  };
}

function readLimit(
  read: OptionReader<BoundedQueueOptions>,
  given: unknown,
  base: ConcurrencyLimit | undefined,
): ConcurrencyLimit {
  if (given === undefined && base !== undefined) return base;
  if (given === undefined || typeof given === 'number') {
    return fixedLimit(read.integer('limit', 100, { min: 1, max: MOST_CALLS, unlimited: true }));
  }
  const { current, onSample } = (given ?? {}) as Partial<Record<keyof ConcurrencyLimit, unknown>>;
  if (typeof current === 'number' && typeof onSample === 'function') return given as ConcurrencyLimit;
  throw new TypeError(
    `${WHERE}: limit must be a whole number from 1 to ${MOST_CALLS}, Infinity, or a ConcurrencyLimit with current and onSample, ` +
      `got ${inspect(given, { depth: 0, breakLength: Infinity })}`,
  );
}
