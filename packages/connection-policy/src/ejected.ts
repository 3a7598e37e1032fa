import type { ChannelView } from '@grpc-manifold/core';

/** True of a connection that is there and gets no calls for a while; one that has `failed` without ever being ready is not there. */
export function isEjected({ state, ageMs }: ChannelView): boolean {
  return state === 'failed' && ageMs > 0;
}
