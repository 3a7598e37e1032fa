import type { ChannelOptions } from '@grpc/grpc-js';
import { resolveQueueOptions, type QueueOptions, type ResolvedQueueOptions } from '@grpc-manifold/bounded-queue';
import { OptionReader, type ChannelFactory } from '@grpc-manifold/core';

/** Options of a {@link ChannelPool}. All are optional; they are read once and never changed. */
export interface ChannelPoolOptions {
  /** Connections that are kept once opened; the first call opens them. 0 to `maxChannels`; default 1 (or `maxChannels`). */
  readonly minChannels?: number;
  /** Connections at the most; equal to `minChannels` for a fixed pool. 1 to 1,000; default 10 (or `minChannels`). */
  readonly maxChannels?: number;
  /** Connections that may finish their calls after they were given up. 1 to 1,000; default 10. */
  readonly maxDrainingChannels?: number;
  /**
   * Streams that one connection may carry. 1 to 1,000. The smaller of it and the server's
   * SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, section 6.5.2) holds; default 100.
   */
  readonly maxStreamsPerChannel?: number;
  /** Streams in use over streams there is room for, at which another connection is opened. 0.01 to 1; default 0.9. */
  readonly growAtRatio?: number;
  /**
   * Milliseconds for TCP, TLS and the server's first SETTINGS together; what is not ready by then has failed and its
   * socket is destroyed. 1 or more, or Infinity; default 20,000.
   */
  readonly connectTimeoutMs?: number;
  /** Who gets the next call: the connection with the fewest streams. The only picker there is; default 'least-streams'. */
  readonly picker?: 'least-streams';
  /** Bounds of the waiting room, for when every connection is full. */
  readonly queue?: QueueOptions;
  /** What disposing does with calls in flight: let them finish within `drainTimeoutMs`, or cancel them. Default 'drain'. */
  readonly onDispose?: 'drain' | 'cancel';
  /** Milliseconds that a drain waits for calls to finish. 0 or more, or Infinity; default 5,000. */
  readonly drainTimeoutMs?: number;
  /** grpc-js channel options of every connection. */
  readonly channelOptions?: ChannelOptions;
  /** Makes the channel of each connection. Default: grpc-js's own. */
  readonly channelFactory?: ChannelFactory;
}

/** {@link ChannelPoolOptions} with every default filled in. */
export interface ResolvedChannelPoolOptions extends Required<Omit<ChannelPoolOptions, 'queue' | 'channelFactory'>> {
  readonly queue: ResolvedQueueOptions;
  readonly channelFactory: ChannelFactory | undefined;
}

/** The names of all options of a pool. */
export const CHANNEL_POOL_OPTION_NAMES = [
  'minChannels',
  'maxChannels',
  'maxDrainingChannels',
  'maxStreamsPerChannel',
  'growAtRatio',
  'connectTimeoutMs',
  'picker',
  'queue',
  'onDispose',
  'drainTimeoutMs',
  'channelOptions',
  'channelFactory',
] as const satisfies readonly (keyof ChannelPoolOptions)[];

/**
 * Fills in the defaults and checks every value.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveChannelPoolOptions(options: ChannelPoolOptions | undefined): ResolvedChannelPoolOptions {
  const read = new OptionReader('ChannelPool', options, CHANNEL_POOL_OPTION_NAMES);
  // Either of the two moves the default of the other, so that `maxChannels: 4` and `minChannels: 20` alone make sense.
  const givenMax = read.integer('maxChannels', 10, { min: 1, max: 1_000 });
  const minChannels = read.integer('minChannels', Math.min(1, givenMax), { min: 0, max: 1_000 });
  const maxChannels = options?.maxChannels === undefined ? Math.max(givenMax, minChannels) : givenMax;
  if (minChannels > maxChannels) {
    throw new RangeError(
      `ChannelPool: minChannels must be a whole number from 0 to maxChannels (${maxChannels}), got ${minChannels}`,
    );
  }
  return {
    minChannels,
    maxChannels,
    maxDrainingChannels: read.integer('maxDrainingChannels', 10, { min: 1, max: 1_000 }),
    maxStreamsPerChannel: read.integer('maxStreamsPerChannel', 100, { min: 1, max: 1_000 }),
    growAtRatio: read.number('growAtRatio', 0.9, { min: 0.01, max: 1 }),
    connectTimeoutMs: read.number('connectTimeoutMs', 20_000, { min: 1, unlimited: true }),
    picker: read.oneOf('picker', 'least-streams', ['least-streams']),
    queue: resolveQueueOptions(read.optionalObject('queue')),
    onDispose: read.oneOf('onDispose', 'drain', ['drain', 'cancel']),
    drainTimeoutMs: read.number('drainTimeoutMs', 5_000, { min: 0, unlimited: true }),
    channelOptions: { ...read.optionalObject('channelOptions') },
    channelFactory: read.optionalFunction('channelFactory'),
  };
}
