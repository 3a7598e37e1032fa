import type { ChannelCredentials, ChannelInterface, ChannelOptions } from '@grpc/grpc-js';

/** Makes the channels of a pool's members. A plain function is one. */
export interface ChannelFactory {
  /**
   * Makes the channel of one member of a pool. It must be a channel of its own: one connection, shared with nobody.
   *
   * @param member `id` counts up from 1 within the pool and is never used twice.
   */
  (target: string, credentials: ChannelCredentials, options: ChannelOptions, member: { id: number }): ChannelInterface;
  /**
   * Throws when channels cannot be made of these: asked once by the pool at its construction, so that the user hears of
   * it there.
   */
  check?(target: string, credentials: ChannelCredentials, options: ChannelOptions): void;
  /**
   * True when its channels show their connection (`connectionOf`). The pool sends PINGs itself then; of others it asks
   * grpc-js to send them. Default false.
   */
  readonly showsConnections?: boolean;
}

/** A call as grpc-js channels make them; the package exports no name for it. */
export type ChannelCall = ReturnType<ChannelInterface['createCall']>;
