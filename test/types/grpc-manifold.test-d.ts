import {
  credentials,
  Client,
  type ClientOptions,
  type ClientUnaryCall,
  type Interceptor,
  type requestCallback,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import type * as own from '@grpc-manifold/thread-channel';
import {
  ChannelPool,
  ChannelPoolRegistry,
  createPooledClient,
  pooledChannelFactory,
  poolInterceptor,
  repool,
  threadChannelFactory,
  tlsCredentials,
  type ChannelPoolOptions,
  type ChannelPoolRegistryStats,
  type PooledClient,
  type PooledClientOptions,
  type ThreadChannelFactoryOptions,
  type TlsCredentialsOptions,
} from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

/** As generators write them. */
declare class EchoClient extends Client {
  static readonly service: object;
  constructor(...args: ConstructorParameters<typeof Client>);
  unary(request: { text: string }, callback: requestCallback<{ text: string }>): ClientUnaryCall;
}
const insecure = credentials.createInsecure();

// A client that owns its pool keeps its own type, and has the pool beside it.
const owner = createPooledClient(EchoClient, 'localhost:50051', insecure, { maxChannels: 4 });
owner.unary({ text: 'hello' }, (_error, response) => {
  response satisfies { text: string } | undefined;
});
// @ts-expect-error the request is still typed
owner.unary({ words: 'hello' }, () => undefined);
// @ts-expect-error the pool cannot be replaced
owner.pool = new ChannelPool('localhost:50051', insecure);

// A client over a pool of others.
const pool = new ChannelPool('localhost:50051', insecure);
const shared = createPooledClient(EchoClient, pool, { interceptors: [] });
// @ts-expect-error the credentials are the pool's
createPooledClient(EchoClient, pool, insecure, {});

// What has no types stays without them, and a client class says what its client is.
type Untyped = ReturnType<typeof JSON.parse>;
declare const untyped: Untyped;
const anything = createPooledClient(untyped, 'localhost:50051', insecure);
const anythingShared = createPooledClient(untyped, pool);
const anythingRepooled = repool(untyped, pool);
const anyClass = createPooledClient(untyped as typeof EchoClient, pool);
const explicit = createPooledClient<EchoClient>(EchoClient, pool);
declare const Bare: ServiceClientConstructor;
const bare = createPooledClient(Bare, 'localhost:50051', insecure);
class OddClient extends EchoClient {
  constructor(readonly settings: { readonly host: string }) {
    super(settings.host, insecure);
  }
}
// @ts-expect-error the class takes something else
createPooledClient(OddClient, 'localhost:50051', insecure);
// @ts-expect-error a class without a client
createPooledClient(Map, 'localhost:50051', insecure);
// @ts-expect-error an instance is no class
createPooledClient(owner, 'localhost:50051', insecure);

// grpc-js's own options go along, those that would replace the pool do not.
createPooledClient(EchoClient, 'localhost:50051', insecure, { 'grpc.max_receive_message_length': 1024 });
// @ts-expect-error the pool is the channel
createPooledClient(EchoClient, 'localhost:50051', insecure, { channelOverride: pool });
// @ts-expect-error a picker that there is not
createPooledClient(EchoClient, 'localhost:50051', insecure, { picker: 'most-streams' });
// @ts-expect-error options are read once
const _frozen = ((options: ChannelPoolOptions) => (options.maxChannels = 3))({});

// Connections in threads.
const threaded = createPooledClient(EchoClient, 'localhost:50051', tlsCredentials(), { threads: 2, maxChannels: 4 });
createPooledClient(EchoClient, 'localhost:50051', insecure, { channelFactory: threadChannelFactory() });
// @ts-expect-error a number of threads
createPooledClient(EchoClient, 'localhost:50051', insecure, { threads: true });
// @ts-expect-error a pool has a channelFactory instead
new ChannelPool('localhost:50051', insecure, { threads: 2 });

// Disposable, compiled down for the oldest Node.
async function scope(): Promise<void> {
  await using client = createPooledClient(EchoClient, 'localhost:50051', insecure);
  await using own = new ChannelPool('localhost:50051', insecure);
  client.pool satisfies ChannelPool;
  own.close();
}
void scope;

// Clients that somebody else makes.
const options: ClientOptions = {
  channelFactoryOverride: pooledChannelFactory({ maxChannels: 4 }),
  interceptors: [poolInterceptor(pool), poolInterceptor(pool.share())],
};
const given = new EchoClient('localhost:50051', insecure, options);
const repooled = repool(given, pool, { interceptors: [] });
// @ts-expect-error options of the client, not of the pool
pooledChannelFactory({ interceptors: [] });
// @ts-expect-error a target is no pool
poolInterceptor('localhost:50051');
// @ts-expect-error the pool is not the client
repool(pool, given);

// Pools on loan.
async function lend(): Promise<void> {
  await using registry = new ChannelPoolRegistry({ maxChannels: 2, maxIdleChannels: 10, idleTimeoutMs: Infinity });
  using lease = registry.acquire('localhost:50051', insecure, 'key');
  createPooledClient(EchoClient, lease.pool);
  registry.stats() satisfies ChannelPoolRegistryStats;
  // @ts-expect-error the pool of a lease stays the same
  lease.pool = pool;
  // @ts-expect-error a key is a string
  registry.acquire('localhost:50051', insecure, 5);
}
void lend;

export type Checks = [
  Expect<Equal<typeof repooled, EchoClient>>,
  Expect<Equal<ReturnType<typeof poolInterceptor>, Interceptor>>,
  Expect<Equal<ReturnType<typeof pooledChannelFactory>, NonNullable<ClientOptions['channelFactoryOverride']>>>,
  Expect<Equal<typeof owner, PooledClient<EchoClient>>>,
  Expect<Equal<typeof anything, Untyped>>,
  Expect<Equal<typeof anythingShared, Untyped>>,
  Expect<Equal<typeof anythingRepooled, Untyped>>,
  Expect<Equal<typeof anyClass, PooledClient<EchoClient>>>,
  Expect<Equal<typeof explicit, PooledClient<EchoClient>>>,
  Expect<Equal<typeof bare, PooledClient<InstanceType<ServiceClientConstructor>>>>,
  Expect<Equal<typeof owner.pool, ChannelPool>>,
  Expect<Equal<typeof shared, PooledClient<EchoClient>>>,
  Expect<Equal<typeof threaded, PooledClient<EchoClient>>>,
  Expect<Equal<PooledClientOptions['threads'], number | undefined>>,
  Expect<Equal<typeof threadChannelFactory, typeof own.threadChannelFactory>>,
  Expect<Equal<typeof tlsCredentials, typeof own.tlsCredentials>>,
  Expect<Equal<ThreadChannelFactoryOptions, own.ThreadChannelFactoryOptions>>,
  Expect<Equal<TlsCredentialsOptions, own.TlsCredentialsOptions>>,
  Expect<Equal<ReturnType<(typeof owner)[typeof Symbol.asyncDispose]>, PromiseLike<void>>>,
];
