import { inspect } from 'node:util';
import { ChannelCredentials, type ChannelInterface, type Client, type ClientOptions } from '@grpc/grpc-js';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import type { ChannelPoolEnvironment } from '@grpc-manifold/channel-pool/internal';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { buildClient } from './build-client.js';
import { mustBeClientClass, type ClientClass } from './client-class.js';
import { cancelDestroyedStreams } from './destroyed-streams.js';
import { clientOnlyOptions, splitOptions, type PooledClientOptions } from './pooled-client-options.js';

/** The client's own type, with its pool, and disposable. */
export type PooledClient<C extends Client> = C & AsyncDisposable & { readonly pool: ChannelPool };

/**
 * What `createPooledClient` returns: of a class that is `any`, as those of packages without types are, a client that is
 * `any`.
 */
export type PooledClientOf<Class, C extends Client> = 0 extends 1 & Class ? Class : PooledClient<C>;

/**
 * Makes a client whose calls are spread over several connections. It owns its pool: `client.close()` closes it, and so
 * does the end of an `await using` block. Closing lets calls finish however long they take, unless `drainTimeoutMs` is
 * set; disposing gives them `drainTimeoutMs`, 5 s by default.
 *
 * @throws TypeError, RangeError naming the option, its range and the value; TypeError for what is no client class of
 * this copy of grpc-js, for a class that keeps its options from grpc-js, and for a service with an RPC called `pool`.
 */
export function createPooledClient<C extends Client, Class = ClientClass<C>>(
  Client: Class & ClientClass<C>,
  target: string,
  credentials: ChannelCredentials,
  options?: PooledClientOptions,
): PooledClientOf<Class, C>;
/**
 * Makes a client over a pool that others use as well. The pool outlives it: closing or disposing the client ends the
 * calls that were made by it, when they have had the same time, and no others.
 *
 * @throws TypeError for an option that only the pool takes, for what is no client class of this copy of grpc-js, for a
 * class that keeps its options from grpc-js, and for a service with an RPC called `pool`.
 */
export function createPooledClient<C extends Client, Class = ClientClass<C>>(
  Client: Class & ClientClass<C>,
  pool: ChannelPool,
  options?: ClientOptions,
): PooledClientOf<Class, C>;
export function createPooledClient<C extends Client>(
  Client: ClientClass<C>,
  targetOrPool: string | ChannelPool,
  credentialsOrOptions?: ChannelCredentials | ClientOptions,
  ownerOptions?: PooledClientOptions,
): PooledClient<C> {
  mustBeClientClass('createPooledClient', Client);
  if ('pool' in (Client.prototype as object)) {
    throw new TypeError(
      `createPooledClient: ${Client.name} has an RPC called 'pool', which would hide the pool of the client; ` +
        `make a ChannelPool and pass it as channelOverride to the client class instead`,
    );
  }
  if (targetOrPool instanceof ChannelPool) {
    if (credentialsOrOptions instanceof ChannelCredentials || ownerOptions !== undefined) {
      throw new TypeError('createPooledClient: a shared pool has its credentials; after it only options may follow');
    }
    const options = clientOnlyOptions(checkOptions(credentialsOrOptions));
    return build(Client, targetOrPool, targetOrPool.share(), options);
  }
  const split = splitOptions(checkOptions(ownerOptions));
  const { threads } = split;
  const channelFactory = threads > 0 ? threadChannelFactory({ threads }) : undefined;
  const poolOptions = channelFactory === undefined ? split.pool : { ...split.pool, channelFactory };
  const pool = new ChannelPool(
    targetOrPool,
    credentialsOrOptions as ChannelCredentials,
    poolOptions,
    stopWhenCollected(channelFactory),
  );
  try {
    return build(Client, pool, pool, split.client, channelFactory);
  } catch (error) {
    void channelFactory?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** A function of its own: what a closure shares its scope with is not collected before it. */
function stopWhenCollected(threads: AsyncDisposable | undefined): ChannelPoolEnvironment {
  return threads === undefined ? {} : { onCollected: () => threads[Symbol.asyncDispose]() };
}

function checkOptions<Options extends object>(options: Options | undefined): Options {
  if (options === undefined) return {} as Options;
  if (typeof options === 'object' && (options as object | null) !== null && !Array.isArray(options)) return options;
  throw new TypeError(`createPooledClient: options must be an object, got ${inspect(options)}`);
}

function build<C extends Client>(
  Client: ClientClass<C>,
  pool: ChannelPool,
  channel: ChannelInterface & AsyncDisposable,
  options: ClientOptions,
  /** What has nothing more to do when the channel is disposed of. */
  last?: AsyncDisposable,
): PooledClient<C> {
  const dispose = async (): Promise<void> => {
    await channel[Symbol.asyncDispose]();
    await last?.[Symbol.asyncDispose]();
  };
  const client = buildClient('createPooledClient', Client, channel, {
    ...options,
    callInvocationTransformer: cancelDestroyedStreams(options.callInvocationTransformer),
  });
  return Object.defineProperties(client, {
    pool: { value: pool },
    [Symbol.asyncDispose]: { value: dispose },
  }) as PooledClient<C>;
}
