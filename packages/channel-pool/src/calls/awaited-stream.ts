import type { CallExplanation, ChannelState } from '@grpc-manifold/core';

/** A connection, as far as it tells why a call waits. */
export interface AwaitedConnection {
  readonly state: ChannelState;
  /** It is there, and was not given up. */
  readonly isLive: boolean;
  readonly usedStreams: number;
  readonly maxConcurrentStreams: number;
  readonly limitedBy: NonNullable<CallExplanation['limitedBy']>;
}

/**
 * Tells what a call waits for that was not given to a connection: a stream, as long as all are in use; a sign of life,
 * where streams are free on connections that must show first that they live; or a connection.
 *
 * @param lastError the last connection error, if there was one.
 */
export function awaitedStream(
  connections: Iterable<AwaitedConnection>,
  lastError: string | undefined,
): Pick<
  CallExplanation,
  'waitedFor' | 'usedStreams' | 'streamCapacity' | 'limit' | 'limitedBy' | 'lastConnectionError'
> {
  let usedStreams = 0;
  let streamCapacity = 0;
  let widest: AwaitedConnection | undefined;
  let hasEjected = false;
  for (const connection of connections) {
    if (connection.state !== 'ready') {
      hasEjected ||= connection.isLive;
      continue;
    }
    usedStreams += connection.usedStreams;
    streamCapacity += connection.maxConcurrentStreams;
    if (widest === undefined || connection.maxConcurrentStreams > widest.maxConcurrentStreams) widest = connection;
  }
  if (widest === undefined) {
    const why = hasEjected ? 'every connection is ejected' : lastError;
    return { waitedFor: 'connection', ...(why === undefined ? {} : { lastConnectionError: why }) };
  }
  if (usedStreams < streamCapacity) return { waitedFor: 'sign-of-life', usedStreams, streamCapacity };
  const { maxConcurrentStreams: limit, limitedBy } = widest;
  return { waitedFor: 'stream', usedStreams, streamCapacity, limit, limitedBy };
}
