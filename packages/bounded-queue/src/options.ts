import { OptionReader } from '@grpc-manifold/core';

/** Bounds of the place where calls wait. */
export interface QueueOptions {
  /** Calls that may wait at once, besides those whose connection is still being opened; 0 lets no others wait. 0 to 10,000,000 or Infinity; default 1,000. */
  readonly maxQueuedCalls?: number;
  /** Bytes of serialized messages that waiting calls may hold. 0 or more, or Infinity; default 67,108,864 (64 MiB). */
  readonly maxQueuedBytes?: number;
  /** Longest wait in milliseconds. 1 or more, or Infinity; default 30,000. */
  readonly maxQueueTimeMs?: number;
}

/** {@link QueueOptions} with every default filled in. */
export type ResolvedQueueOptions = Required<QueueOptions>;

const KNOWN = ['maxQueuedCalls', 'maxQueuedBytes', 'maxQueueTimeMs'] as const;

/**
 * Fills in the defaults and checks every value.
 *
 * @param base what an option falls back to when it is not given: the defaults, or what is in force.
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveQueueOptions(
  options: QueueOptions | undefined,
  base: ResolvedQueueOptions = { maxQueuedCalls: 1_000, maxQueuedBytes: 64 * 1024 * 1024, maxQueueTimeMs: 30_000 },
): ResolvedQueueOptions {
  const read = new OptionReader('queue', options, KNOWN);
  return {
    maxQueuedCalls: read.integer('maxQueuedCalls', base.maxQueuedCalls, { min: 0, max: 10_000_000, unlimited: true }),
    maxQueuedBytes: read.integer('maxQueuedBytes', base.maxQueuedBytes, { min: 0, unlimited: true }),
    maxQueueTimeMs: read.number('maxQueueTimeMs', base.maxQueueTimeMs, { min: 1, unlimited: true }),
  };
}
