import { experimental, type ChannelOptions } from '@grpc/grpc-js';
import { isXdsTarget } from '@grpc-manifold/core/internal';
import { readServiceConfig } from './member-channel-options.js';

/** What each member does anyway: one connection, to the first address that answers. */
const PICK_FIRST = 'pick_first';

/**
 * Names the load balancing that a service config asks for and a pool does not do; undefined where it asks for none. Of
 * a list grpc-js takes the first policy that it knows, and so does this.
 */
export function balancingLeftOut(target: string, user: ChannelOptions): string | undefined {
  const config = readServiceConfig(user['grpc.service_config']);
  if (config === undefined || isXdsTarget(target)) return undefined;
  const { loadBalancingConfig: list, loadBalancingPolicy: policy } = config;
  const names = Array.isArray(list) ? list.flatMap((one: unknown) => namesIn(one)) : [];
  const name = names.find((one) => experimental.isLoadBalancerNameRegistered(one)) ?? policy;
  return typeof name === 'string' && name.toLowerCase() !== PICK_FIRST ? name : undefined;
}

function namesIn(config: unknown): string[] {
  return typeof config === 'object' && config !== null ? Object.keys(config) : [];
}
