import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import type { ChannelFactory } from '@grpc-manifold/core';
import { ChannelThreads } from './calling/channel-threads.js';
import { ThreadChannel } from './calling/thread-channel.js';
import { resolveThreadChannelFactoryOptions, type ThreadChannelFactoryOptions } from './options.js';

/**
 * Makes a factory of channels whose connections live in worker threads, for `channelFactory` of a pool. The calling thread
 * serializes messages and hands them over in batches; HTTP/2, TLS and the rest of gRPC are the threads'. A thread is
 * started with the first connection that needs it, holds the process only while somebody waits for it, is replaced when
 * it ends by an error, and stops ten seconds after its last connection was closed. Several pools may share a factory.
 *
 * @throws TypeError, RangeError naming the option, its range and the value. The factory itself throws a TypeError for
 * credentials, options and targets that cannot cross to a thread, and says what can.
 */
export function threadChannelFactory(options?: ThreadChannelFactoryOptions): ChannelFactory & AsyncDisposable {
  const threads = new ChannelThreads(resolveThreadChannelFactoryOptions(options));
  const make: ChannelFactory = (target, credentials, channelOptions) =>
    new ThreadChannel(threads, target, credentials, channelOptions);
  return Object.assign(make, {
    showsConnections: true,
    check: (target: string, credentials: ChannelCredentials, channelOptions: ChannelOptions): void =>
      new ThreadChannel(threads, target, credentials, channelOptions).close(),
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  });
}
