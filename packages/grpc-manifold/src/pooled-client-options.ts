import type { ChannelOptions, ClientOptions } from '@grpc/grpc-js';
import { poolInterceptor, type ChannelPoolOptions } from '@grpc-manifold/channel-pool';
import { CHANNEL_POOL_OPTION_NAMES, placeOfOption } from '@grpc-manifold/channel-pool/internal';
import { boundedQueue } from '@grpc-manifold/bounded-queue';
import { circuitBreaker } from '@grpc-manifold/circuit-breaker';
import { nearestName, OptionReader, unknownOption } from '@grpc-manifold/core/internal';

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
 * Options of a client that owns its pool: those of the pool, those of a grpc-js client, and flat `grpc.*` keys, which
 * are channel options of every connection.
 */
export interface PooledClientOptions extends ChannelPoolOptions, ClientOnlyOptions, KnownChannelOptions {
  /**
   * Worker threads that the connections live in, off the event loop that makes the calls (docs/guides/threads.md); 0
   * for none. Not together with `channelFactory`. 0 to 64; default 0.
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
    else throw wrongOption(key);
  }
  mustBeInterceptors('createPooledClient', client);
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
      const nearest = nearestName(key, CLIENT_OPTION_NAMES);
      throw new TypeError(
        `createPooledClient: ${key} cannot be set on a client that shares a pool; give it to the ChannelPool ` +
          `(here are known ${CLIENT_OPTION_NAMES.join(', ')})` +
          (nearest === undefined ? '' : `; did you mean ${nearest}?`),
      );
    }
  }
  mustBeInterceptors('createPooledClient', options);
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

function wrongOption(key: string): TypeError {
  if (key === 'channelOverride' || key === 'channelFactoryOverride') {
    return new TypeError(
      `createPooledClient: ${key} cannot be set: the pool is the channel; use channelFactory for its connections`,
    );
  }
  const known = [...CHANNEL_POOL_OPTION_NAMES, ...CLIENT_OPTION_NAMES, 'threads'];
  return unknownOption(
    'createPooledClient',
    key,
    known,
    placeOfOption(key),
    ", and keys that begin with 'grpc.' or 'grpc-node.'",
  );
}

const MAKERS = new Map<unknown, string>([
  [circuitBreaker, 'circuitBreaker()'],
  [boundedQueue, 'boundedQueue()'],
  [poolInterceptor, 'poolInterceptor(pool)'],
]);

/**
 * Checks the interceptors of a client.
 *
 * @param where the function of ours that the user called.
 * @throws TypeError for what makes an interceptor and is none, which otherwise would fail with each call.
 */
export function mustBeInterceptors(where: string, options: ClientOnlyOptions): void {
  for (const [option, made] of [
    ['interceptors', (maker: string) => maker],
    ['interceptor_providers', (maker: string) => `() => ${maker}`],
  ] as const) {
    const given: unknown = options[option];
    if (!Array.isArray(given)) continue;
    for (const one of given) {
      const maker = MAKERS.get(one);
      if (maker === undefined) continue;
      const name = maker.slice(0, maker.indexOf('('));
      throw new TypeError(
        `${where}: ${option} has ${name}, which makes an interceptor and is none; write ${option}: [${made(maker)}]`,
      );
    }
  }
}
