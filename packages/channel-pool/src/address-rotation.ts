import { experimental, type ChannelOptions } from '@grpc/grpc-js';
import { isXdsTarget } from './xds-target.js';

const POLICY = 'grpc_manifold_rotated_pick_first';

let isAvailable: boolean | undefined;

type ChildHandler = InstanceType<typeof experimental.ChildLoadBalancerHandler>;
type AddressUpdate = Parameters<ChildHandler['updateAddressList']>;

/** How far the list of addresses is turned before pick_first sees it. */
class RotatedConfig {
  constructor(readonly offset: number) {}

  static createFromJson(json: { offset?: unknown }): RotatedConfig {
    if (!Number.isInteger(json.offset)) throw new Error(`offset must be a whole number, got ${String(json.offset)}`);
    return new RotatedConfig(json.offset as number);
  }

  getLoadBalancerName(): string {
    return POLICY;
  }

  toJsonObject(): object {
    return { [POLICY]: { offset: this.offset } };
  }
}

/** The list begun at another place. */
export function rotated<Item>(items: readonly Item[], offset: number): Item[] {
  const start = items.length === 0 ? 0 : offset % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/**
 * The channel options of one member, so that it begins with another address than its siblings. Their service configs are
 * alike in everything else: grpc-js keeps one retry throttle for all channels to a target.
 *
 * @param memberId counts up from 1; two members in a row begin at two addresses in a row.
 */
export function withRotatedAddresses(target: string, options: ChannelOptions, memberId: number): ChannelOptions {
  // xDS brings its own balancing.
  if (isXdsTarget(target)) return options;
  isAvailable ??= register();
  if (!isAvailable) return options;
  const serviceConfig = JSON.parse(options['grpc.service_config'] ?? '{}') as object;
  const loadBalancingConfig = [{ [POLICY]: { offset: memberId - 1 } }];
  return { ...options, 'grpc.service_config': JSON.stringify({ ...serviceConfig, loadBalancingConfig }) };
}

/** grpc-js calls these parts experimental: where one is missing members begin with the first address, as its channels do. */
function register(): boolean {
  try {
    experimental.registerLoadBalancerType(POLICY, rotatedPickFirst(), RotatedConfig);
    return true;
  } catch {
    return false;
  }
}

function rotatedPickFirst(): Parameters<typeof experimental.registerLoadBalancerType>[1] {
  /**
   * grpc-js's pick_first over the addresses of the target, begun at another one for each member. pick_first alone sends every
   * member to the first address; with this they are spread, and each still falls back to the others when its own is dead.
   */
  class RotatedPickFirst extends experimental.ChildLoadBalancerHandler {
    override updateAddressList(...[endpoints, config, ...rest]: AddressUpdate): boolean {
      const pickFirst = experimental.parseLoadBalancingConfig({ pick_first: {} });
      const offset = config instanceof RotatedConfig ? config.offset : 0;
      return super.updateAddressList(
        endpoints.ok ? experimental.statusOrFromValue(rotated(endpoints.value, offset)) : endpoints,
        pickFirst,
        ...rest,
      );
    }

    override getTypeName(): string {
      return POLICY;
    }
  }
  return RotatedPickFirst;
}
