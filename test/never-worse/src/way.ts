import type { ChannelCredentials, ChannelOptions, ClientOptions } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import { createPooledClient, type ChannelFactory, type ChannelPool, type ChannelPoolOptions } from 'grpc-manifold';

/** The three clients that are compared. */
export const WAYS = ['plain', 'pooled', 'threads'] as const;

/** A plain client of grpc-js, a pooled one, or a pooled one whose connections live in a worker thread. */
export type WayName = (typeof WAYS)[number];

/** What a client is made of. */
export interface Wish {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  /** For every client. */
  readonly channelOptions: ChannelOptions;
  /** For a plain client only: what `pool` asks for in another way. */
  readonly plainOptions: ChannelOptions;
  /** For a pooled client only. */
  readonly pool: Omit<ChannelPoolOptions, 'channelOptions' | 'channelFactory'>;
  readonly clientOptions: Pick<ClientOptions, 'interceptors' | 'interceptor_providers' | 'callInvocationTransformer'>;
}

/** A client, and how it is left when a case is over. */
export interface Entrance {
  readonly client: EchoClient;
  /** Undefined for a plain client. */
  readonly pool: ChannelPool | undefined;
  close(): Promise<void>;
}

const { EchoClient: Echo } = loadEchoPackage();

/** Makes a client. @param inThreads makes the connections of one in threads; default: threads of its own. */
export function enter(way: WayName, wish: Wish, inThreads?: ChannelFactory): Entrance {
  const { target, credentials, channelOptions, plainOptions, pool, clientOptions } = wish;
  if (way === 'plain') {
    const client = new Echo(target, credentials, { ...channelOptions, ...plainOptions, ...clientOptions });
    return { client, pool: undefined, close: async () => client.close() };
  }
  const place = way === 'pooled' ? {} : inThreads === undefined ? { threads: 1 } : { channelFactory: inThreads };
  const client = createPooledClient(Echo, target, credentials, { ...clientOptions, ...pool, ...place, channelOptions });
  const close = async (): Promise<void> => {
    await client.pool.destroy();
    await client[Symbol.asyncDispose]();
  };
  return { client, pool: client.pool, close };
}
