import type { ChannelOptions } from '@grpc/grpc-js';
import { isXdsTarget, registerRotatedPickFirst, ROTATED_PICK_FIRST } from '@grpc-manifold/core/internal';

/**
 * The channel options of one member, so that it begins with another address than its siblings. Their service configs
 * are alike in everything else: grpc-js keeps one retry throttle for all channels to a target.
 *
 * @param memberId counts up from 1; two members in a row begin at two addresses in a row.
 */
export function withRotatedAddresses(target: string, options: ChannelOptions, memberId: number): ChannelOptions {
  // xDS brings its own balancing.
  if (isXdsTarget(target) || !registerRotatedPickFirst()) return options;
  const serviceConfig = JSON.parse(options['grpc.service_config'] ?? '{}') as object;
  const loadBalancingConfig = [{ [ROTATED_PICK_FIRST]: { offset: memberId - 1 } }];
  return { ...options, 'grpc.service_config': JSON.stringify({ ...serviceConfig, loadBalancingConfig }) };
}
