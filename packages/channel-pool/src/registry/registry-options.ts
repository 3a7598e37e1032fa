import { OptionReader } from '@grpc-manifold/core/internal';
import { placeOfOption } from '../options/option-place.js';
import { CHANNEL_POOL_OPTION_NAMES, resolveChannelPoolOptions, type ChannelPoolOptions } from '../options/options.js';

/** Options of a {@link ChannelPoolRegistry}: those of its pools, and how long pools without a lease are kept. */
export interface ChannelPoolRegistryOptions extends ChannelPoolOptions {
  /**
   * Connections of all pools without a lease together; a pool without a connection counts as one. Those that are being
   * closed count until their sockets are gone, a round trip later (100 ms at the most): while that makes more than
   * this, connections to be opened wait. So none is opened that would make the sockets more than this and those of the
   * pools that are lent. 0 or more, or Infinity; default 100 (`MaxIdleConns` of Go's `http.DefaultTransport`).
   */
  readonly maxIdleChannels?: number;
  /**
   * The same for the pools of one target. 0 or more, or Infinity; default 10, one pool at its default `maxChannels`.
   */
  readonly maxIdleChannelsPerTarget?: number;
  /**
   * Milliseconds that a pool is kept after its last lease was disposed. 0 or more, or Infinity; default 90,000
   * (`IdleConnTimeout` of Go's `http.DefaultTransport`).
   */
  readonly idleTimeoutMs?: number;
}

/** {@link ChannelPoolRegistryOptions} with the registry's own defaults filled in, and those of the pools apart. */
export interface ResolvedRegistryOptions {
  readonly maxIdleChannels: number;
  readonly maxIdleChannelsPerTarget: number;
  readonly idleTimeoutMs: number;
  readonly pool: ChannelPoolOptions;
}

/**
 * Fills in the defaults and checks every value, those for the pools as well.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveRegistryOptions(options: ChannelPoolRegistryOptions | undefined): ResolvedRegistryOptions {
  const known = ['maxIdleChannels', 'maxIdleChannelsPerTarget', 'idleTimeoutMs', ...CHANNEL_POOL_OPTION_NAMES] as const;
  const read = new OptionReader<ChannelPoolRegistryOptions>('ChannelPoolRegistry', options, known, placeOfOption);
  const { maxIdleChannels, maxIdleChannelsPerTarget, idleTimeoutMs, ...pool } = { ...options };
  resolveChannelPoolOptions(pool);
  return {
    maxIdleChannels: read.integer('maxIdleChannels', 100, { min: 0, unlimited: true }),
    maxIdleChannelsPerTarget: read.integer('maxIdleChannelsPerTarget', 10, { min: 0, unlimited: true }),
    idleTimeoutMs: read.number('idleTimeoutMs', 90_000, { min: 0, unlimited: true }),
    pool,
  };
}
