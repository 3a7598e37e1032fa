import { credentials, Client, type ClientUnaryCall, type requestCallback } from '@grpc/grpc-js';
import { ChannelPool, createPooledClient, type ChannelPoolOptions, type PooledClient } from 'grpc-manifold';
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

// grpc-js's own options go along, those that would replace the pool do not.
createPooledClient(EchoClient, 'localhost:50051', insecure, { 'grpc.max_receive_message_length': 1024 });
// @ts-expect-error the pool is the channel
createPooledClient(EchoClient, 'localhost:50051', insecure, { channelOverride: pool });
// @ts-expect-error a picker that there is not
createPooledClient(EchoClient, 'localhost:50051', insecure, { picker: 'most-streams' });
// @ts-expect-error options are read once
const _frozen = ((options: ChannelPoolOptions) => (options.maxChannels = 3))({});

// Disposable, compiled down for the oldest Node.
async function scope(): Promise<void> {
  await using client = createPooledClient(EchoClient, 'localhost:50051', insecure);
  await using own = new ChannelPool('localhost:50051', insecure);
  client.pool satisfies ChannelPool;
  own.close();
}
void scope;

export type Checks = [
  Expect<Equal<typeof owner, PooledClient<EchoClient>>>,
  Expect<Equal<typeof owner.pool, ChannelPool>>,
  Expect<Equal<typeof shared, PooledClient<EchoClient>>>,
  Expect<Equal<ReturnType<(typeof owner)[typeof Symbol.asyncDispose]>, PromiseLike<void>>>,
];
