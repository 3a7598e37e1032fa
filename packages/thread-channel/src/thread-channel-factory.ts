import type { ChannelCredentials, ChannelInterface, ChannelOptions } from '@grpc/grpc-js';
import { ChannelThreads } from './calling/channel-threads.js';
import { ThreadChannel } from './calling/thread-channel.js';
import { resolveThreadChannelFactoryOptions, type ThreadChannelFactoryOptions } from './options.js';

/** For the `channelFactory` of a pool, or the `channelFactoryOverride` of a grpc-js client. */
export interface ThreadChannelFactory extends AsyncDisposable {
  /** @throws TypeError for credentials, options and targets that cannot cross to a thread. The message names a fix. */
  (target: string, credentials: ChannelCredentials, options: ChannelOptions): ChannelInterface;
  /** Throws the error that making a channel with these arguments would throw. */
  check(target: string, credentials: ChannelCredentials, options: ChannelOptions): void;
  /** True: a pool can observe the connections of its channels. */
  readonly showsConnections: boolean;
}

/**
 * Makes a factory of channels whose connections live in worker threads, for the `channelFactory` of a pool. The calling
 * thread serializes messages and sends them to the worker threads in batches. The worker threads run HTTP/2, TLS and
 * the rest of gRPC. A thread starts with the first connection that needs it, keeps the process alive only while a
 * caller waits for it, is replaced when it ends by an error, and stops ten seconds after its last connection was
 * closed. Pools may share a factory.
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
