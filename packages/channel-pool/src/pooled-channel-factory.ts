import type { ChannelOptions, ClientOptions } from '@grpc/grpc-js';
import { ChannelPool } from './channel-pool.js';
import { yieldToKeepalivePolicy } from './policies/library-keepalive.js';
import { resolveChannelPoolOptions, type ChannelPoolOptions } from './options/options.js';
import { policyChannelOptions } from './policies/policy-channel-options.js';

/**
 * Makes a `channelFactoryOverride`, for libraries that build their clients themselves and take grpc-js client options.
 * Each client gets a pool of its own, which `client.close()` closes and `client.getChannel()` returns.
 *
 * Options of the client that begin with `grpc.` or `grpc-node.` become channel options of every connection; where
 * `channelOptions` has the same one, that holds. A keepalive that the library sets yields to a policy that keeps
 * connections alive: the policy sends the PINGs, and the larger of the two intervals holds. Everything else that the
 * client was given is its own affair.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function pooledChannelFactory(
  options?: ChannelPoolOptions,
): NonNullable<ClientOptions['channelFactoryOverride']> {
  // Now rather than with the first client, which a library makes who knows where.
  const resolved = resolveChannelPoolOptions(options);
  policyChannelOptions(resolved.policies, resolved.channelOptions);
  const own = { ...options };
  return (address, credentials, clientOptions) => {
    const library = { channelOptions: channelOptionsOf(clientOptions), policies: resolved.policies };
    const { channelOptions, policies } = yieldToKeepalivePolicy(library);
    return new ChannelPool(address, credentials, {
      ...own,
      policies,
      channelOptions: { ...channelOptions, ...resolved.channelOptions },
    });
  };
}

function channelOptionsOf(options: ClientOptions): ChannelOptions {
  return Object.fromEntries(Object.entries(options).filter(([key]) => /^grpc[.-]/.test(key)));
}
