import type { StatusObject } from '@grpc/grpc-js';
import type { BreakerExplanation } from '@grpc-manifold/core';
import { refusal, roundedRatio } from '@grpc-manifold/core/internal';
import type { Breaker } from './breaker.js';

/** Makes the status of a call that a circuit does not let through. */
export function breakerRefusal({ key, state, counts, nextProbeInMs }: Breaker): StatusObject {
  const { errorRatio, slowRatio } = counts;
  const breaker: BreakerExplanation = {
    key,
    state: state === 'half-open' ? state : 'open',
    errorRatio: roundedRatio(errorRatio),
    ...(slowRatio === undefined ? {} : { slowRatio: roundedRatio(slowRatio) }),
    ...(nextProbeInMs === undefined ? {} : { nextProbeMs: nextProbeInMs }),
  };
  return refusal('breaker', breaker, { breaker });
}
