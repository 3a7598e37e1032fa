import type { ChannelOptions, ClientOptions } from '@grpc/grpc-js';
import { ChannelPool } from './channel-pool.js';
import { resolveChannelPoolOptions, type ChannelPoolOptions } from './options.js';

/**
 * Makes a `channelFactoryOverride`, for libraries that build their clients themselves and take grpc-js client options.
 * Each client gets a pool of its own, which `client.close()` closes and `client.getChannel()` returns.
 *
 * Options of the client that begin with `grpc.` or `grpc-node.` become channel options of every connection; where
 * `channelOptions` has the same one, that holds. Everything else that the client was given is its own affair.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function pooledChannelFactory(
  options?: ChannelPoolOptions,
): NonNullable<ClientOptions['channelFactoryOverride']> {
  // Now rather than with the first client, which a library makes who knows where.
  resolveChannelPoolOptions(options);
  const { channelOptions, ...poolOptions } = { ...options };
  const ownChannelOptions = { ...channelOptions };
  return (address, credentials, clientOptions) =>
    new ChannelPool(address, credentials, {
      ...poolOptions,
      channelOptions: { ...channelOptionsOf(clientOptions), ...ownChannelOptions },
    });
}

function channelOptionsOf(options: ClientOptions): ChannelOptions {
  return Object.fromEntries(Object.entries(options).filter(([key]) => /^grpc[.-]/.test(key)));
}
