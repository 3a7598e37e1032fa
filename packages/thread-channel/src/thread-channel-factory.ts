import type { ChannelCredentials, ChannelInterface, ChannelOptions } from '@grpc/grpc-js';
import { ChannelThreads } from './calling/channel-threads.js';
import { ThreadChannel } from './calling/thread-channel.js';
import { resolveThreadChannelFactoryOptions, type ThreadChannelFactoryOptions } from './options.js';

/** A `ChannelFactory` of a pool, and a `channelFactoryOverride` of a plain grpc-js client. */
export interface ThreadChannelFactory extends AsyncDisposable {
  /** @throws TypeError for credentials, options and targets that cannot cross to a thread, saying what can. */
  (target: string, credentials: ChannelCredentials, options: ChannelOptions): ChannelInterface;
  /** Throws what making a channel of these would throw. */
  check(target: string, credentials: ChannelCredentials, options: ChannelOptions): void;
  /** Its channels show a pool their connections. */
  readonly showsConnections: boolean;
}

/**
 * Makes a factory of channels whose connections live in worker threads, for `channelFactory` of a pool. The calling
 * thread serializes messages and hands them over in batches; HTTP/2, TLS and the rest of gRPC are the threads'. A
 * thread is started with the first connection that needs it, holds the process only while somebody waits for it, is
 * replaced when it ends by an error, and stops ten seconds after its last connection was closed. Several pools may
 * share a factory.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function threadChannelFactory(options?: ThreadChannelFactoryOptions): ThreadChannelFactory {
  const threads = new ChannelThreads(resolveThreadChannelFactoryOptions(options));
  const make = (...given: Parameters<ThreadChannelFactory>): ThreadChannel => new ThreadChannel(threads, ...given);
  return Object.assign(make, {
    check: (...given: Parameters<ThreadChannelFactory>): void => make(...given).close(),
    showsConnections: true,
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  });
}
