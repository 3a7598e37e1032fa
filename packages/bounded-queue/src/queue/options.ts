import type { CallInfo } from '@grpc-manifold/core';
import { OptionReader } from '@grpc-manifold/core/internal';

/** The names of the orders in which waiting calls are served. */
export const QUEUE_ORDERS = ['fifo', 'lifo', 'priority'] as const;
/** One of {@link QUEUE_ORDERS}. */
export type QueueOrder = (typeof QUEUE_ORDERS)[number];

/** Bounds of the place where calls wait, and who is served first. */
export interface QueueOptions {
  /**
   * Calls that may wait at once, besides those whose connection is still being opened; 0 lets no others wait. 0 to
   * 10,000,000 or Infinity; default 1,000.
   */
  readonly maxQueuedCalls?: number;
  /** Bytes of serialized messages that waiting calls may hold. 0 or more, or Infinity; default 67,108,864 (64 MiB). */
  readonly maxQueuedBytes?: number;
  /** Longest wait in milliseconds. 1 or more, or Infinity; default 30,000. */
  readonly maxQueueTimeMs?: number;
  /**
   * Who is served first: 'fifo' the one that came first, 'lifo' the one that came last (under overload it still has
   * time), 'priority' the one of the highest `priority`. With the latter two each 16th admission goes to the one that
   * has waited longest. A full queue refuses the newcomer with 'fifo', the one that has waited longest with 'lifo', and
   * with 'priority' the lowest, if that is below the newcomer. Default 'fifo'.
   */
  readonly order?: QueueOrder;
  /**
   * Gives the priority of a call: any number but NaN, higher first, equals in the order in which they came. Asked once
   * a call. Where it throws or returns anything else, 0. Required where `order` is 'priority'; not asked otherwise.
   */
  readonly priority?: (call: CallInfo) => number;
  /**
   * Gives the key that a call is counted under, as a tenant's name. Asked once a call. Where it throws or returns no
   * string, ''. While calls wait, those of the key go next that has the fewest in flight for its share; with free room
   * nobody is held back. 1,000 keys without a share of their own are told apart at a time. Default: all are counted as
   * one.
   */
  readonly partition?: (call: CallInfo) => string;
  /**
   * The share of each key, 0.001 to 1, in sum at most 1. A key that is not named has what is left over, or the smallest
   * named share where nothing is. Requires `partition`. Default: all keys weigh the same.
   */
  readonly shares?: Readonly<Record<string, number>>;
}

/** {@link QueueOptions} with every default filled in. */
export interface ResolvedQueueOptions extends Required<Omit<QueueOptions, 'priority' | 'partition' | 'shares'>> {
  readonly priority: ((call: CallInfo) => number) | undefined;
  readonly partition: ((call: CallInfo) => string) | undefined;
  readonly shares: Readonly<Record<string, number>> | undefined;
}

/** The names of all options of a queue. */
export const QUEUE_OPTION_NAMES = [
  'maxQueuedCalls',
  'maxQueuedBytes',
  'maxQueueTimeMs',
  'order',
  'priority',
  'partition',
  'shares',
] as const satisfies readonly (keyof QueueOptions)[];

const DEFAULTS: ResolvedQueueOptions = {
  maxQueuedCalls: 1_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxQueueTimeMs: 30_000,
  order: 'fifo',
  priority: undefined,
  partition: undefined,
  shares: undefined,
};

/** Sums of shares such as 0.7 + 0.2 + 0.1 are not exactly 1. */
export const SHARE_TOLERANCE = 1e-9;

/**
 * Fills in the defaults and checks every value.
 *
 * @param base what an option falls back to when it is not given: the defaults, or what is in force.
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveQueueOptions(
  options: QueueOptions | undefined,
  base: ResolvedQueueOptions = DEFAULTS,
): ResolvedQueueOptions {
  const read = new OptionReader('queue', options, QUEUE_OPTION_NAMES);
  const shares = read.optionalObject('shares');
  const resolved: ResolvedQueueOptions = {
    maxQueuedCalls: read.integer('maxQueuedCalls', base.maxQueuedCalls, { min: 0, max: 10_000_000, unlimited: true }),
    maxQueuedBytes: read.integer('maxQueuedBytes', base.maxQueuedBytes, { min: 0, unlimited: true }),
    maxQueueTimeMs: read.number('maxQueueTimeMs', base.maxQueueTimeMs, { min: 1, unlimited: true }),
    order: read.oneOf('order', base.order, QUEUE_ORDERS),
    priority: read.optionalFunction('priority') ?? base.priority,
    partition: read.optionalFunction('partition') ?? base.partition,
    shares: shares === undefined ? base.shares : readShares(shares),
  };
  if (resolved.order === 'priority' && resolved.priority === undefined) {
    throw new TypeError(`queue: priority must be a function where order is 'priority', got undefined`);
  }
  if (resolved.shares !== undefined && resolved.partition === undefined) {
    throw new TypeError('queue: partition must be a function where shares are given, got undefined');
  }
  return resolved;
}

function readShares(shares: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const keys = Object.keys(shares);
  const read = new OptionReader('queue.shares', shares, keys);
  const entries = keys
    .filter((key) => shares[key] !== undefined)
    .map((key) => [key, read.number(key, 1, { min: 0.001, max: 1 })] as const);
  const sum = entries.reduce((total, [, share]) => total + share, 0);
  if (sum > 1 + SHARE_TOLERANCE) {
    throw new RangeError(`queue: the sum of shares must be a number above 0 and at most 1, got ${sum}`);
  }
  return Object.freeze(Object.fromEntries(entries));
}
