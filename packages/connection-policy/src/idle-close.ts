import type { ConnectionPolicy } from '@grpc-manifold/core';

/** Options of the policy. */
export interface IdleCloseOptions {}

export function idleClose(_options: IdleCloseOptions = {}): ConnectionPolicy {
  return { name: 'idleClose' };
}
