import type { ChannelCredentials, ChannelInterface, ChannelOptions } from '@grpc/grpc-js';

/** Creates the channels of a pool's members. A plain function is a valid factory. */
export interface ChannelFactory {
  /**
   * Creates the channel of one member of a pool. Each call must return a new channel with one connection that nothing
   * else uses.
   *
   * @param member `id` counts up from 1 within the pool and is never used twice.
   */
  (target: string, credentials: ChannelCredentials, options: ChannelOptions, member: { id: number }): ChannelInterface;
  /**
   * Throws when channels cannot be created with these arguments. The pool calls it once, in its constructor, so that
   * the user gets the error there.
   */
  check?(target: string, credentials: ChannelCredentials, options: ChannelOptions): void;
  /**
   * True when the channels expose their connection (`connectionOf`). The pool then sends PINGs itself; otherwise
   * grpc-js sends them. Default false.
   */
  readonly showsConnections?: boolean;
}

/** A call as grpc-js channels create them. grpc-js does not export the type. */
export type ChannelCall = ReturnType<ChannelInterface['createCall']>;
