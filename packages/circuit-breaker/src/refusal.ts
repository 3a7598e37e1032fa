import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus } from '@grpc-manifold/core';
import type { Breaker } from './breaker.js';

/** Makes the status of a call that a circuit does not let through. */
export function breakerRefusal(breaker: Breaker): StatusObject {
  const { key, errorRatio, nextProbeInMs } = breaker;
  const state = breaker.state === 'half-open' ? 'half-open' : 'open';
  const next = nextProbeInMs === undefined ? 'a probe is under way' : `the next probe is due in ${nextProbeInMs} ms`;
  return explainedStatus(
    status.UNAVAILABLE,
    `Refused before it was sent, breaker: the circuit of ${key} is ${state}, it opened at ` +
      `${(errorRatio * 100).toFixed(1)} % of failed calls; ${next}`,
    {
      refusedBy: 'breaker',
      breaker: { key, state, errorRatio, ...(nextProbeInMs === undefined ? {} : { nextProbeMs: nextProbeInMs }) },
    },
  );
}
