import { Client, credentials, type ChannelOptions, type ClientOptions } from '@grpc/grpc-js';
import { idleClose, keepalive } from '@grpc-manifold/connection-policy';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool } from './channel-pool.js';
import { pooledChannelFactory } from './pooled-channel-factory.js';
import type { ChannelPoolOptions } from './options/options.js';

const INSECURE = credentials.createInsecure();
const TARGET = 'ipv4:127.0.0.1:1';
const clients: Client[] = [];

function clientWith(options: ClientOptions): Client {
  const client = new Client(TARGET, INSECURE, options);
  clients.push(client);
  return client;
}

/** What the connections of a client are made with. */
function channelOptionsOf(options: ClientOptions, poolOptions?: ChannelPoolOptions): ChannelOptions {
  let seen: ChannelOptions = {};
  const own = credentials.createInsecure();
  const channelFactory: ChannelPoolOptions['channelFactory'] = (target, given, channelOptions) => {
    seen = channelOptions;
    const spare = new Client(target, given, { ...channelOptions });
    clients.push(spare);
    return spare.getChannel();
  };
  const channelFactoryOverride = pooledChannelFactory({ ...poolOptions, channelFactory });
  clients.push(new Client(TARGET, own, { ...options, channelFactoryOverride }));
  return seen;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

describe('pooledChannelFactory', () => {
  it('gives each client a pool of its own, that it can be asked for', () => {
    const channelFactoryOverride = pooledChannelFactory({ maxChannels: 3 });
    const pools = [0, 1].map(() => clientWith({ channelFactoryOverride }).getChannel());
    expect(pools[0]).toBeInstanceOf(ChannelPool);
    expect(pools[1]).toBeInstanceOf(ChannelPool);
    expect(pools[0]).not.toBe(pools[1]);
  });

  it('closes the pool with its client', () => {
    const client = clientWith({ channelFactoryOverride: pooledChannelFactory() });
    client.close();
    expect((client.getChannel() as unknown as ChannelPool).stats().state).toBe('SHUTDOWN');
  });

  it('hands the channel options of the client to every connection, and nothing else', () => {
    const seen = channelOptionsOf({
      'grpc.max_receive_message_length': 5,
      'grpc-node.max_session_memory': 7,
      interceptors: [],
      callInvocationTransformer: (properties) => properties,
      ...({ servicePath: 'library.example', maxChannels: 4 } as object),
    });
    expect(seen).toMatchObject({ 'grpc.max_receive_message_length': 5, 'grpc-node.max_session_memory': 7 });
    expect(Object.keys(seen).filter((key) => !/^grpc[.-]/.test(key))).toEqual([]);
  });

  it('lets channelOptions hold over those of the client', () => {
    const seen = channelOptionsOf(
      { 'grpc.primary_user_agent': 'client', 'grpc.max_send_message_length': 1 },
      { channelOptions: { 'grpc.primary_user_agent': 'pool' } },
    );
    expect(seen).toMatchObject({ 'grpc.primary_user_agent': 'pool', 'grpc.max_send_message_length': 1 });
  });

  describe('under a library that sets a keepalive of its own', () => {
    const library = {
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 15_000,
      'grpc.keepalive_permit_without_calls': 1,
    };
    const keepaliveOf = (options: ChannelOptions): unknown[] => [
      options['grpc.keepalive_time_ms'],
      options['grpc.keepalive_timeout_ms'],
      options['grpc.keepalive_permit_without_calls'],
    ];

    it.each([
      ['the larger interval, which is the library its', 20_000, 30_000, 30_000],
      ['the larger interval, which is that of the policy', 60_000, 30_000, 60_000],
      ['its own, where the library says -1 for none', 20_000, -1, 20_000],
      ['its own, where the library says that it is never', 20_000, 2_147_483_647, 20_000],
      ['its own, where the library says nothing that is a number', 20_000, '30000' as never, 20_000],
    ])('lets the policy keep connections alive, with %s', (_what, timeMs, wish, effective) => {
      const policies = [keepalive({ timeMs, timeoutMs: 5_000 })];
      const seen = channelOptionsOf({ ...library, 'grpc.keepalive_time_ms': wish }, { policies });
      expect(keepaliveOf(seen)).toEqual([effective, 5_000, 0]);
    });

    it('leaves it alone where no policy keeps connections alive', () => {
      expect(keepaliveOf(channelOptionsOf(library, { policies: [idleClose()] }))).toEqual([30_000, 15_000, 1]);
      expect(keepaliveOf(channelOptionsOf(library))).toEqual([30_000, 15_000, 1]);
    });

    it('refuses at once what the user has set twice', () => {
      const channelOptions = { 'grpc.keepalive_time_ms': 30_000 };
      expect(() => pooledChannelFactory({ policies: [keepalive()], channelOptions })).toThrow(
        "ChannelPool: channelOptions['grpc.keepalive_time_ms'] must not be set beside a policy that keeps connections alive",
      );
    });
  });

  it('changes neither its own options nor the client options, and does not see later changes', () => {
    const channelOptions: ChannelOptions = Object.freeze({ 'grpc.primary_user_agent': 'a' });
    const options = Object.freeze({ maxChannels: 2, channelOptions });
    const mutable = { channelOptions: { 'grpc.primary_user_agent': 'before' } };
    const factory = pooledChannelFactory(mutable);
    mutable.channelOptions['grpc.primary_user_agent'] = 'after';
    const clientOptions = Object.freeze({ 'grpc.max_send_message_length': 1 });
    const pools = [
      pooledChannelFactory(options)(TARGET, INSECURE, clientOptions),
      factory(TARGET, INSECURE, clientOptions),
    ];
    for (const pool of pools) pool.close();
  });

  it('refuses wrong options at once, not with the first client', () => {
    expect(() => pooledChannelFactory({ maxChannels: 0 })).toThrow('ChannelPool: maxChannels must be');
    expect(() => pooledChannelFactory({ interceptors: [] } as never)).toThrow("unknown option 'interceptors'");
  });
});
