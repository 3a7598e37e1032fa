import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import {
  Client,
  connectivityState,
  credentials,
  makeGenericClientConstructor,
  type ChannelInterface,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import type { ClientClass } from './client-class.js';
import { createPooledClient } from './create-pooled-client.js';

const TARGET = 'ipv4:127.0.0.1:1';
const INSECURE = credentials.createInsecure();

/** A client class with one RPC. proto-loader gives a method a second name, in lower camel case. */
function serviceWith(name: string, originalName?: string): ClientClass<Client> {
  return makeGenericClientConstructor({ [name]: definitionOf(name, originalName) }, 'Test');
}

function definitionOf(name: string, originalName?: string): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/test.Test/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
    ...(originalName === undefined ? {} : { originalName }),
  };
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

  it('shows its pool, and keeps it alive', () => {
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

  describe('refuses, by a TypeError that names what to do instead, and leaves nothing open,', () => {
    /** The pool and the clients that a class was made with. */
    const made: { channels: ChannelInterface[]; clients: Client[] } = { channels: [], clients: [] };
    const keep = (client: Client, options?: object): void => {
      made.clients.push(client);
      made.channels.push((options as { channelOverride: ChannelInterface }).channelOverride);
    };

    class Deaf extends Client {
      constructor(address: string, creds: typeof INSECURE, options?: object) {
        super(address, creds);
        keep(this, options);
      }
    }

    class Choosy extends Client {
      constructor(address: string, creds: typeof INSECURE, options: { channelOverride?: ChannelInterface } = {}) {
        super(address, creds, { channelOverride: options.channelOverride as ChannelInterface });
        keep(this, options);
      }
    }

    class Broken extends Client {
      constructor(address: string, creds: typeof INSECURE, options?: object) {
        super(address, creds, options);
        keep(this, options);
        throw new Error('the class is broken');
      }
    }

    class NoClient {
      constructor(_address: string, _creds: typeof INSECURE, options?: object) {
        keep(new Client(TARGET, INSECURE, options), options);
      }
    }

    class Demanding extends Client {
      constructor(settings: { readonly host: { readonly name: string } }) {
        super(settings.host.name, INSECURE);
      }
    }

    afterEach(() => {
      for (const client of made.clients.splice(0)) {
        expect(client.getChannel().getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
      }
      for (const channel of made.channels.splice(0)) {
        expect(channel.getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
      }
    });

    it.each<[string, unknown, object, string]>([
      [
        'a class that drops its options',
        Deaf,
        {},
        'Deaf does not hand its third argument to grpc.Client as options, so it cannot be given the pool; ' +
          'put poolInterceptor(pool) last among its interceptors instead',
      ],
      [
        'a class that hands on the channel only, and so not the interceptors',
        Choosy,
        { interceptors: [() => undefined] },
        'Choosy does not hand interceptors and callInvocationTransformer of its third argument to grpc.Client',
      ],
      ['a class that makes no client', NoClient, {}, 'NoClient makes no client of @grpc/grpc-js; give a generated'],
      [
        'a class that throws',
        Broken,
        {},
        'Broken could not be made by (address, credentials, options), as generated classes are: Error: the class is broken',
      ],
      [
        'a class that takes something else',
        Demanding,
        {},
        'Demanding could not be made by (address, credentials, options)',
      ],
    ])('%s', (_what, Class, options, words) => {
      for (const args of [
        [Class, TARGET, INSECURE, options],
        [Class, TARGET, INSECURE, { ...options, threads: 1 }],
        [Class, poolOf(), options],
      ]) {
        expect(() => create(...args)).toThrow(TypeError);
        expect(() => create(...args)).toThrow(`createPooledClient: ${words}`);
      }
      expect(pools.map((pool) => pool.stats().state)).toEqual(['IDLE']);
    });
  });

  it('takes a class whose RPCs are called GetChannel and Close', async () => {
    const Hiding = makeGenericClientConstructor(
      {
        getChannel: definitionOf('GetChannel', 'getChannel'),
        close: definitionOf('Close', 'close'),
      },
      'Hiding',
    );
    const client = createPooledClient(Hiding, TARGET, INSECURE);
    await client[Symbol.asyncDispose]();
    expect(client.pool.stats()).toMatchObject({ state: 'SHUTDOWN', startedCalls: 0 });
  });
});
