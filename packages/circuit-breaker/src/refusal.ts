import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus } from '@grpc-manifold/core';
import type { Breaker } from './breaker.js';

/** Makes the status of a call that a circuit does not let through. */
export function breakerRefusal({ key, state, counts, nextProbeInMs }: Breaker): StatusObject {
  const { errorRatio, slowRatio } = counts;
  const slow = slowRatio === undefined ? '' : ` and ${percent(slowRatio)} slow`;
  const next = nextProbeInMs === undefined ? 'a probe is under way' : `the next probe is due in ${nextProbeInMs} ms`;
  return explainedStatus(
    status.UNAVAILABLE,
    `Refused before it was sent, breaker: the circuit of ${key} is ${state}, it opened at ${percent(errorRatio)} failed${slow} calls; ${next}`,
    {
      refusedBy: 'breaker',
      breaker: {
        key,
        state: state === 'half-open' ? state : 'open',
        errorRatio,
        ...(slowRatio === undefined ? {} : { slowRatio }),
        ...(nextProbeInMs === undefined ? {} : { nextProbeMs: nextProbeInMs }),
      },
    },
  );
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
