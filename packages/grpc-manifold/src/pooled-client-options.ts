import type { ChannelOptions, ClientOptions } from '@grpc/grpc-js';
import { CHANNEL_POOL_OPTION_NAMES, type ChannelPoolOptions } from '@grpc-manifold/channel-pool';
import { OptionReader } from '@grpc-manifold/core';

/** What a client takes for itself, whatever channel it uses. */
export type ClientOnlyOptions = Readonly<
  Pick<ClientOptions, 'interceptors' | 'interceptor_providers' | 'callInvocationTransformer'>
>;

/** The channel options that grpc-js knows, without its leave to add any others. */
type KnownChannelOptions = {
  readonly [
    Key in keyof ChannelOptions as string extends Key ? never : number extends Key ? never : Key
  ]?: ChannelOptions[Key];
};

/**
 * Options of a client that owns its pool: those of the pool, those of a grpc-js client, and flat `grpc.*` keys, which are
 * channel options of every connection.
 */
export interface PooledClientOptions extends ChannelPoolOptions, ClientOnlyOptions, KnownChannelOptions {
  /**
   * Worker threads that the connections live in, off the event loop that makes the calls (docs/guides/threads.md); 0 for none.
   * Not together with `channelFactory`. 0 to 64; default 0.
   */
  readonly threads?: number;
  readonly [key: `grpc.${string}` | `grpc-node.${string}`]: unknown;
}

const CLIENT_OPTION_NAMES = ['interceptors', 'interceptor_providers', 'callInvocationTransformer'] as const;
const POOL_OPTION_NAMES: readonly string[] = CHANNEL_POOL_OPTION_NAMES;

/**
 * Tells the options of the pool from those of the client.
 *
 * @throws TypeError for a key that is none of both.
 */
export function splitOptions(options: PooledClientOptions): {
  pool: ChannelPoolOptions;
  client: ClientOnlyOptions;
  threads: number;
} {
  const { threads, ...others } = options;
  const pool: Record<string, unknown> = {};
  const client: Record<string, unknown> = {};
  const flat: Record<string, unknown> = {};
  for (const [key, value] of Object.entries<unknown>(others)) {
    if (POOL_OPTION_NAMES.includes(key)) pool[key] = value;
    else if ((CLIENT_OPTION_NAMES as readonly string[]).includes(key)) client[key] = value;
    else if (/^grpc[.-]/.test(key)) flat[key] = value;
    else throw new TypeError(unknownOption(key));
  }
  const given = pool['channelOptions'];
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  if (Object.keys(flat).length > 0 && (given === undefined || isObject)) {
    // A wrong `channelOptions` is left as it is, for the pool to complain of.
    pool['channelOptions'] = { ...flat, ...given };
  }
  return { pool, client, threads: checkThreads(threads, pool) };
}

/**
 * Checks the options of a client that shares a pool.
 *
 * @throws TypeError for a key that only the owner of the pool can set.
 */
export function clientOnlyOptions(options: ClientOptions): ClientOnlyOptions {
  for (const key of Object.keys(options)) {
    if (!(CLIENT_OPTION_NAMES as readonly string[]).includes(key)) {
      throw new TypeError(
        `createPooledClient: ${key} cannot be set on a client that shares a pool; give it to the ChannelPool ` +
          `(here are known ${CLIENT_OPTION_NAMES.join(', ')})`,
      );
    }
  }
  return options;
}

function checkThreads(threads: unknown, { channelFactory }: ChannelPoolOptions): number {
  if (threads === undefined) return 0;
  const read = new OptionReader('createPooledClient', { threads: threads as number }, ['threads']);
  const count = read.integer('threads', 0, { min: 0, max: 64 });
  if (count > 0 && channelFactory !== undefined) {
    throw new TypeError(
      'createPooledClient: threads and channelFactory cannot both be set: each says where connections live; ' +
        'several pools share threads by channelFactory: threadChannelFactory({ threads })',
    );
  }
  return count;
}

function unknownOption(key: string): string {
  if (key === 'channelOverride' || key === 'channelFactoryOverride') {
    return `createPooledClient: ${key} cannot be set: the pool is the channel; use channelFactory for its connections`;
  }
  const known = [...CHANNEL_POOL_OPTION_NAMES, ...CLIENT_OPTION_NAMES, 'threads'].join(', ');
  return `createPooledClient: unknown option '${key}'; known are ${known}, and keys that begin with 'grpc.' or 'grpc-node.'`;
}
