import {
  credentials,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
  type Interceptor,
} from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, pooledChannelFactory, poolInterceptor, repool } from 'grpc-manifold';

/** What a client is made of. */
export interface Wish {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly clientOptions: Pick<ClientOptions, 'interceptors' | 'interceptor_providers' | 'callInvocationTransformer'>;
}

/** A client that came about in one of the ways. */
export interface Entrance {
  readonly client: EchoClient;
  /** The interceptors that a call with interceptors of its own must be given: they replace those of the client. */
  perCall(interceptors: readonly Interceptor[]): Interceptor[];
  close(): Promise<void>;
}

/** A way of putting a pool, or none, under a client. */
export interface Way {
  readonly name: string;
  open(wish: Wish): Entrance;
}

const { EchoClient: Echo } = loadEchoPackage();
const asGiven = (interceptors: readonly Interceptor[]): Interceptor[] => [...interceptors];

/** Nobody listens there: a call that took the client's own channel would fail. */
const ELSEWHERE = 'ipv4:127.0.0.1:1';

/** What all others are compared with. */
export const plain: Way = {
  name: 'plain',
  open: ({ target, credentials: given, channelOptions, clientOptions }) => {
    const client = new Echo(target, given, { ...channelOptions, ...clientOptions });
    return { client, perCall: asGiven, close: async () => client.close() };
  },
};

export const waysIn: readonly Way[] = [
  {
    name: 'createPooledClient',
    open: ({ target, credentials: given, channelOptions, clientOptions }) => {
      const client = createPooledClient(Echo, target, given, { ...clientOptions, channelOptions });
      return { client, perCall: asGiven, close: async () => void (await client.pool.destroy()) };
    },
  },
  {
    name: 'poolInterceptor',
    open: ({ target, credentials: given, channelOptions, clientOptions }) => {
      const pool = new ChannelPool(target, given, { channelOptions });
      const last = poolInterceptor(pool);
      const providers = clientOptions.interceptor_providers;
      const client = new Echo(ELSEWHERE, credentials.createInsecure(), {
        ...clientOptions,
        ...(providers === undefined
          ? { interceptors: [...(clientOptions.interceptors ?? []), last] }
          : { interceptor_providers: [...providers, () => last] }),
      });
      const close = async (): Promise<void> => {
        client.close();
        await pool.destroy();
      };
      return { client, perCall: (interceptors) => [...interceptors, last], close };
    },
  },
  {
    name: 'repool',
    open: ({ target, credentials: given, channelOptions, clientOptions }) => {
      const pool = new ChannelPool(target, given, { channelOptions });
      const first = new Echo(ELSEWHERE, credentials.createInsecure(), clientOptions);
      const client = repool(first, pool);
      first.close();
      return { client, perCall: asGiven, close: async () => void (await pool.destroy()) };
    },
  },
  {
    name: 'pooledChannelFactory',
    open: ({ target, credentials: given, channelOptions, clientOptions }) => {
      const channelFactoryOverride = pooledChannelFactory();
      const client = new Echo(target, given, { ...channelOptions, ...clientOptions, channelFactoryOverride });
      const pool = client.getChannel() as unknown as ChannelPool;
      return { client, perCall: asGiven, close: async () => void (await pool.destroy()) };
    },
  },
];
