import { experimental } from '@grpc/grpc-js';

/**
 * The name of the load balancing policy in grpc-js. Its config is `{ offset }`: the index of the address to begin with.
 */
export const ROTATED_PICK_FIRST = 'grpc_manifold_rotated_pick_first';

let isAvailable: boolean | undefined;

type ChildHandler = InstanceType<typeof experimental.ChildLoadBalancerHandler>;
type AddressUpdate = Parameters<ChildHandler['updateAddressList']>;

/** The config of the policy: the index of the address that pick_first tries first. */
class RotatedConfig {
  constructor(readonly offset: number) {}

  static createFromJson(json: { offset?: unknown }): RotatedConfig {
    if (!Number.isInteger(json.offset)) throw new Error(`offset must be a whole number, got ${String(json.offset)}`);
    return new RotatedConfig(json.offset as number);
  }

  getLoadBalancerName(): string {
    return ROTATED_PICK_FIRST;
  }

  toJsonObject(): object {
    return { [ROTATED_PICK_FIRST]: { offset: this.offset } };
  }
}

/** Rotates a list to the left by `offset`, modulo its length. */
export function rotated<Item>(items: readonly Item[], offset: number): Item[] {
  const start = items.length === 0 ? 0 : offset % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/**
 * Registers {@link ROTATED_PICK_FIRST} with the grpc-js of this thread, once. Returns false when that is impossible:
 * the API is experimental in grpc-js. Without the policy, every member begins with the first address.
 */
export function registerRotatedPickFirst(): boolean {
  isAvailable ??= register();
  return isAvailable;
}

function register(): boolean {
  try {
    experimental.registerLoadBalancerType(ROTATED_PICK_FIRST, rotatedPickFirst(), RotatedConfig);
    return true;
  } catch {
    return false;
  }
}

function rotatedPickFirst(): Parameters<typeof experimental.registerLoadBalancerType>[1] {
  /**
   * The pick_first policy of grpc-js over a rotated address list. With plain pick_first, every member connects to the
   * first address. With a rotated list, each member begins with another address and still falls back to the others.
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
      return ROTATED_PICK_FIRST;
    }
  }
  return RotatedPickFirst;
}
