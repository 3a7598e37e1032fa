import type { ConnectionPolicy } from 'grpc-manifold';

/** A policy that keeps still until it is told to begin. */
export interface PolicyWhenTold {
  readonly policy: ConnectionPolicy;
  begin(): void;
}

/** Lets a test have a pool warm before a policy acts on it. */
export function whenTold({ name, review }: ConnectionPolicy): PolicyWhenTold {
  let hasBegun = false;
  const nothing = { actions: [], nextReviewMs: 10 };
  return {
    policy: { name, review: (view, nowMs) => (hasBegun ? (review?.(view, nowMs) ?? nothing) : nothing) },
    begin: () => (hasBegun = true),
  };
}
