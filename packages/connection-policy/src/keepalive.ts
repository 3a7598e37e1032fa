import type { ConnectionPolicy } from '@grpc-manifold/core';

/** Options of the policy. */
export interface KeepaliveOptions {}

export function keepalive(_options: KeepaliveOptions = {}): ConnectionPolicy {
  return { name: 'keepalive' };
}
export type KeepalivePreset = 'server-default' | 'aws-nlb' | 'azure-lb' | 'gcp';
