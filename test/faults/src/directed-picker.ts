import { Metadata } from '@grpc/grpc-js';
import type { Picker } from '@grpc-manifold/channel-pool';

const KEY = 'to-member';

/** Metadata of a call that is to go to that connection. */
export function directedTo(member: number): Metadata {
  const metadata = new Metadata();
  metadata.set(KEY, String(member));
  return metadata;
}

/**
 * Gives a call the connection that its metadata names; without one, or when it takes no calls, the one with the fewest
 * streams.
 */
export const directedPicker: Picker = {
  pick(members, call) {
    const [wanted] = call.metadata.get(KEY);
    const named = wanted === undefined ? undefined : members.find(({ id }) => id === Number(wanted));
    return named ?? [...members].sort((one, other) => one.usedStreams - other.usedStreams)[0];
  },
};
