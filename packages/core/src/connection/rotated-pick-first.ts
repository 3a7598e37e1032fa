import { experimental } from '@grpc/grpc-js';

/**
 * The name under which grpc-js knows the policy. Its config is `{ offset }`: how far the list of addresses is turned.
 */
export const ROTATED_PICK_FIRST = 'grpc_manifold_rotated_pick_first';

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
    return ROTATED_PICK_FIRST;
  }

  toJsonObject(): object {
    return { [ROTATED_PICK_FIRST]: { offset: this.offset } };
  }
}

/** Begins a list at another place. */
export function rotated<Item>(items: readonly Item[], offset: number): Item[] {
  const start = items.length === 0 ? 0 : offset % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/**
 * Makes {@link ROTATED_PICK_FIRST} known to the grpc-js of this thread, once. False where that cannot be: grpc-js calls
 * these parts experimental, and where one is missing members begin with the first address, as its channels do.
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
   * grpc-js's pick_first over the addresses of the target, begun at another one for each member. pick_first alone sends
   * every member to the first address; with this they are spread, and each still falls back to the others when its own
   * is dead.
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
