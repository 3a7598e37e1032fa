import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import { Client, connectivityState, credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { createPooledClient, type ClientClass } from './create-pooled-client.js';

const TARGET = 'ipv4:127.0.0.1:1';
const INSECURE = credentials.createInsecure();

/** A client class with one RPC. proto-loader gives a method a second name, in lower camel case. */
function serviceWith(name: string, originalName?: string): ClientClass<Client> {
  const definition = {
    path: `/test.Test/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
    ...(originalName === undefined ? {} : { originalName }),
  };
  return makeGenericClientConstructor({ [name]: definition }, 'Test');
}

const Test = serviceWith('Get');

/** Calls it as JavaScript can, whatever the types say. */
const create = createPooledClient as unknown as (
  ...args: unknown[]
) => Client & AsyncDisposable & { pool: ChannelPool };

const pools: ChannelPool[] = [];

function poolOf(): ChannelPool {
  const pool = new ChannelPool(TARGET, INSECURE);
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
  expect(diagnosticsChannel('net.client.socket').hasSubscribers).toBe(false);
});

describe('createPooledClient', () => {
  it('makes an instance of the class, with a pool of its own that connects to nothing yet', async () => {
    const client = createPooledClient(Test, TARGET, INSECURE, { maxChannels: 4 });
    expect(client).toBeInstanceOf(Test);
    expect(client.getChannel()).toBe(client.pool);
    expect(client.pool.stats()).toMatchObject({ state: 'IDLE', channels: [] });
    await client[Symbol.asyncDispose]();
    expect(client.pool.getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
  });

  it('closes its own pool with the client', () => {
    const client = createPooledClient(Test, TARGET, INSECURE);
    pools.push(client.pool);
    client.close();
    expect(client.pool.getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
  });

  it('leaves a pool that it shares open, closed or disposed', async () => {
    const pool = poolOf();
    const [first, second] = [createPooledClient(Test, pool), createPooledClient(Test, pool, { interceptors: [] })];
    expect([first.pool, second.pool]).toEqual([pool, pool]);
    first.close();
    await second[Symbol.asyncDispose]();
    expect(pool.getConnectivityState(false)).toBe(connectivityState.IDLE);
  });

  it('shows its pool, and does not let go of it', () => {
    const client = createPooledClient(Test, poolOf());
    expect(Object.keys(client)).not.toContain('pool');
    expect(() => {
      (client as { pool: unknown }).pool = undefined;
    }).toThrow(TypeError);
  });

  it.each([
    ['no class', [undefined, TARGET, INSECURE], /the client class must be a class, got undefined/],
    ['a class that is an object', [{}, TARGET, INSECURE], /the client class must be a class, got /],
    ['a class that is an arrow function', [() => undefined, TARGET, INSECURE], /the client class must be a class/],
    ['no target', [Test, undefined, INSECURE], /target must be a string, got undefined/],
    ['a target that is a URL object', [Test, new URL('dns:///a:1'), INSECURE], /target must be a string/],
    ['no credentials', [Test, TARGET], /credentials must be ChannelCredentials/],
    ['options in place of credentials', [Test, TARGET, { maxChannels: 4 }], /credentials must be ChannelCredentials/],
    ['an unknown option', [Test, TARGET, INSECURE, { maxChannel: 4 }], /unknown option 'maxChannel'; known are /],
    ['channelOverride', [Test, TARGET, INSECURE, { channelOverride: {} }], /channelOverride cannot be set/],
    [
      'channelFactoryOverride',
      [Test, TARGET, INSECURE, { channelFactoryOverride: () => undefined }],
      /channelFactoryOverride cannot be set/,
    ],
    ['options that are null', [Test, TARGET, INSECURE, null], /options must be an object, got null/],
    ['options that are a number', [Test, TARGET, INSECURE, 5], /options must be an object, got 5/],
    ['options that are an array', [Test, TARGET, INSECURE, []], /options must be an object/],
    [
      'channelOptions that are null',
      [Test, TARGET, INSECURE, { channelOptions: null }],
      /channelOptions must be an object/,
    ],
    [
      'channelOptions that are null beside a flat key',
      [Test, TARGET, INSECURE, { channelOptions: null, 'grpc.keepalive_time_ms': 1 }],
      /channelOptions must be an object, got null/,
    ],
    ['an RPC called pool', [serviceWith('pool'), TARGET, INSECURE], /has an RPC called 'pool'/],
    [
      'an RPC called Pool, which is pool as well',
      [serviceWith('Pool', 'pool'), TARGET, INSECURE],
      /has an RPC called 'pool'/,
    ],
  ] as [string, unknown[], RegExp][])('refuses %s with a TypeError', (_what, args, words) => {
    expect(() => create(...args)).toThrow(TypeError);
    expect(() => create(...args)).toThrow(words);
  });

  it.each([
    [
      'a bad value',
      { maxChannels: 0 },
      RangeError,
      /^ChannelPool: maxChannels must be a number from 1 to 1000, got 0$/,
    ],
    ['a bad value in the queue', { queue: { maxQueuedCalls: -1 } }, RangeError, /^queue: maxQueuedCalls must be /],
    ['hedging', { 'grpc.service_config': '{"methodConfig":[{"hedgingPolicy":{}}]}' }, TypeError, /hedgingPolicy/],
    [
      'a service config that is no JSON',
      { 'grpc.service_config': 'none' },
      TypeError,
      /must be a JSON object, got 'none'/,
    ],
  ])('lets the pool refuse %s', (_what, options, kind, words) => {
    expect(() => create(Test, TARGET, INSECURE, options)).toThrow(kind);
    expect(() => create(Test, TARGET, INSECURE, options)).toThrow(words);
  });

  it('refuses a target that grpc-js refuses, in its words', () => {
    const words = 'Could not parse target name ""';
    expect(() => new Test('', INSECURE)).toThrow(words);
    expect(() => createPooledClient(Test, '', INSECURE)).toThrow(words);
  });

  describe('on a shared pool', () => {
    it.each([
      ['an option of the pool', { maxChannels: 4 }, /maxChannels cannot be set on a client that shares a pool/],
      [
        'a channel option',
        { 'grpc.keepalive_time_ms': 1 },
        /grpc\.keepalive_time_ms cannot be set on a client that shares/,
      ],
      ['channelOverride', { channelOverride: {} }, /channelOverride cannot be set on a client that shares a pool/],
      ['an unknown option', { unknown: 1 }, /unknown cannot be set on a client that shares a pool/],
      ['options that are null', null, /options must be an object, got null/],
      ['options that are a number', 5, /options must be an object, got 5/],
      ['options that are a string', 'fast', /options must be an object, got /],
      ['options that are an array', [], /options must be an object/],
      ['credentials, which are the pool’s', INSECURE, /options must be an object|credentials/],
    ])('refuses %s with a TypeError', (_what, options, words) => {
      const pool = poolOf();
      expect(() => create(Test, pool, options)).toThrow(TypeError);
      expect(() => create(Test, pool, options)).toThrow(words);
    });

    it('refuses an RPC called pool', () => {
      expect(() => create(serviceWith('pool'), poolOf())).toThrow(/has an RPC called 'pool'/);
    });
  });

  it('closes the pool that it made when the client class throws', () => {
    let pool: unknown;
    class Broken extends Client {
      constructor(address: string, creds: typeof INSECURE, options?: object) {
        super(address, creds, options);
        pool = (options as { channelOverride: unknown }).channelOverride;
        throw new Error('the class is broken');
      }
    }
    expect(() => createPooledClient(Broken, TARGET, INSECURE)).toThrow('the class is broken');
    expect(pool).toBeInstanceOf(ChannelPool);
    pools.push(pool as ChannelPool);
    expect((pool as ChannelPool).getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
  });
});
