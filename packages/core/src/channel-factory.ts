import type { ChannelCredentials, ChannelInterface, ChannelOptions } from '@grpc/grpc-js';

/**
 * Makes the channel of one member of a pool. It must be a channel of its own: one connection, shared with nobody.
 *
 * @param member `id` counts up from 1 within the pool and is never used twice.
 */
export type ChannelFactory = (
  target: string,
  credentials: ChannelCredentials,
  options: ChannelOptions,
  member: { id: number },
) => ChannelInterface;

/** A call as grpc-js channels make them; the package exports no name for it. */
export type ChannelCall = ReturnType<ChannelInterface['createCall']>;
