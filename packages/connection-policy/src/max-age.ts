import type { ConnectionPolicy } from '@grpc-manifold/core';

/** Options of the policy. */
export interface MaxAgeOptions {}

export function maxAge(_options: MaxAgeOptions = {}): ConnectionPolicy {
  return { name: 'maxAge' };
}
