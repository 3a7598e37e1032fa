import type { ChannelFactory } from '@grpc-manifold/core';
import { connectionOf, ObservedConnection, systemClock, CONNECTION } from '@grpc-manifold/core/internal';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { afterAll, vi } from 'vitest';

// With MANIFOLD_THREADS=2 every pool of the end-to-end tests has its connections in two worker threads, unless a test
// brings channels of its own. Nothing in the packages knows of it: the tests replace the default of one option.

const threads = threadChannelFactory({ threads: Number(process.env['MANIFOLD_THREADS']) });

const inThreads: ChannelFactory = Object.assign(
  (...[target, credentials, options, member]: Parameters<ChannelFactory>) => {
    try {
      threads.check(target, credentials, options);
    } catch {
      return here(target, credentials, options, member);
    }
    return threads(target, credentials, options);
  },
  { showsConnections: true },
);

/** What a pool does by itself, for credentials and targets that cannot cross. */
const here: ChannelFactory = (target, credentials, channelOptions) => {
  const connection = new ObservedConnection({ target, credentials, channelOptions, clock: systemClock });
  const { channel } = connection;
  if (connectionOf(channel) === undefined) Object.assign(channel, { [CONNECTION]: connection });
  return channel;
};

interface PoolOptionsModule {
  resolveChannelPoolOptions(options: unknown): { readonly channelFactory: ChannelFactory | undefined };
}

vi.mock('../../../../packages/channel-pool/src/options/options.js', async (importOriginal) => {
  const original = await importOriginal<PoolOptionsModule>();
  const resolve: PoolOptionsModule['resolveChannelPoolOptions'] = (options) => {
    const resolved = original.resolveChannelPoolOptions(options);
    return { ...resolved, channelFactory: resolved.channelFactory ?? inThreads };
  };
  return { ...original, resolveChannelPoolOptions: resolve };
});

afterAll(() => threads[Symbol.asyncDispose]());
