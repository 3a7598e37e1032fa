import { inspect } from 'node:util';
import { Client, type ClientOptions } from '@grpc/grpc-js';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { OptionReader } from '@grpc-manifold/core/internal';
import { buildClient } from './build-client.js';
import { notThisClient, type ClientClass } from './client-class.js';
import { CLIENT_FIELDS, copyClientFields, replaceTransformer } from './client-fields.js';
import { cancelDestroyedStreams } from './destroyed-streams.js';
import { mustBeInterceptors } from './pooled-client-options.js';

/**
 * Makes a second client of the class that a given one is of, over a pool: for a client that somebody else has built. It
 * has the interceptors and the transformer of the first, unless `options` has others. Closing it ends the calls that
 * were made by it, and neither the pool nor the first client, which may be closed at once.
 *
 * The class is called as generated ones are, by (address, credentials, options); properties that were set on the first
 * client later are not copied.
 *
 * @throws TypeError when `client` is none of grpc-js, its class takes other arguments or keeps its options from
 * grpc-js, and for an option that is not the client's own.
 */
export function repool<C extends Client>(client: C, pool: ChannelPool, options?: ClientOptions): C {
  if (!(client instanceof Client)) {
    throw new TypeError(`repool: ${notThisClient(client)}`);
  }
  if (!(pool instanceof ChannelPool)) {
    throw new TypeError(`repool: pool must be a ChannelPool, got ${inspect(pool, { depth: 0 })}`);
  }
  new OptionReader<ClientOptions>('repool', options, CLIENT_FIELDS);
  mustBeInterceptors('repool', options ?? {});
  const copy = buildClient('repool', classOf(client), pool.share(), {
    ...options,
    ...(options?.callInvocationTransformer && {
      callInvocationTransformer: cancelDestroyedStreams(options.callInvocationTransformer),
    }),
  });
  const given = CLIENT_FIELDS.filter((field) => options?.[field] !== undefined);
  const hasInterceptors = given.some((field) => field !== 'callInvocationTransformer');
  copyClientFields(
    client,
    copy,
    CLIENT_FIELDS.filter((field) =>
      field === 'callInvocationTransformer' ? !given.includes(field) : !hasInterceptors,
    ),
  );
  if (!given.includes('callInvocationTransformer')) replaceTransformer(copy, cancelDestroyedStreams);
  return copy;
}

function classOf<C extends Client>(client: C): ClientClass<C> {
  const prototype = Object.getPrototypeOf(client) as { constructor?: unknown };
  const Class = prototype.constructor;
  // An RPC may be called `constructor`.
  if (typeof Class !== 'function' || Class.prototype !== prototype) {
    throw new TypeError('repool: the client does not tell its class: its `constructor` is something else');
  }
  return Class as ClientClass<C>;
}
