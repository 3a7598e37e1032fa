import { Client, credentials, type ChannelOptions, type ClientOptions } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool } from './channel-pool.js';
import { pooledChannelFactory } from './pooled-channel-factory.js';
import type { ChannelPoolOptions } from './options.js';

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
