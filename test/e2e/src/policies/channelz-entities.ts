import { getChannelzHandlers } from '@grpc/grpc-js';

/** What grpc-js keeps a record of in its channelz. */
export interface ChannelzEntities {
  readonly channels: number;
  readonly subchannels: number;
  readonly sockets: number;
}

type Handler = (call: object, callback: (error: object | null) => void) => void;

/** One whose number is not taken is answered with NOT_FOUND. All numbers are drawn from one row. */
function isThere(method: string, request: object): boolean {
  let isFound = false;
  const handlers = getChannelzHandlers() as unknown as Record<string, Handler>;
  handlers[method]?.({ request }, (error) => (isFound = error === null));
  return isFound;
}

/** Counts the entities with numbers up to `highestId`. */
export function channelzEntities(highestId: number): ChannelzEntities {
  const ids = Array.from({ length: highestId }, (_, index) => index + 1);
  const count = (method: string, key: string): number => ids.filter((id) => isThere(method, { [key]: id })).length;
  return {
    channels: count('GetChannel', 'channel_id'),
    subchannels: count('GetSubchannel', 'subchannel_id'),
    sockets: count('GetSocket', 'socket_id'),
  };
}
