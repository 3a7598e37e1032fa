import type { ClientOptions } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { ChannelPoolOptions } from '@grpc-manifold/channel-pool';
import { CHANNEL_POOL_OPTION_NAMES } from '@grpc-manifold/channel-pool/internal';
import { clientOnlyOptions, splitOptions, type PooledClientOptions } from './pooled-client-options.js';

const INTERCEPTOR = (): never => {
  throw new Error('never called');
};

function split(options: unknown): ReturnType<typeof splitOptions> {
  return splitOptions(options as PooledClientOptions);
}

describe('splitOptions', () => {
  it('has nothing to tell apart without options', () => {
    expect(split({})).toEqual({ pool: {}, client: {}, threads: 0 });
  });

  it('gives the pool what is the pool’s, and the client what is the client’s', () => {
    const options = {
      maxChannels: 4,
      queue: { maxQueuedCalls: 5 },
      interceptors: [INTERCEPTOR],
      interceptor_providers: [],
      callInvocationTransformer: INTERCEPTOR,
    };
    expect(split(options)).toEqual({
      pool: { maxChannels: 4, queue: { maxQueuedCalls: 5 } },
      client: { interceptors: [INTERCEPTOR], interceptor_providers: [], callInvocationTransformer: INTERCEPTOR },
      threads: 0,
    });
  });

  it.each(CHANNEL_POOL_OPTION_NAMES)('gives %s to the pool, whatever it is worth', (name) => {
    expect(split({ [name]: 5 })).toEqual({ pool: { [name]: 5 }, client: {}, threads: 0 });
  });

  it('tells in how many threads connections are to live', () => {
    expect(split({ threads: 2 })).toEqual({ pool: {}, client: {}, threads: 2 });
  });

  it('takes flat grpc keys for channel options', () => {
    const flat = { 'grpc.keepalive_time_ms': 10_000, 'grpc-node.flow_control_window': 65_535 };
    expect(split(flat)).toEqual({ pool: { channelOptions: flat }, client: {}, threads: 0 });
  });

  it('lets channelOptions prevail over a flat key', () => {
    const options = {
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      channelOptions: { 'grpc.keepalive_time_ms': 20_000, 'grpc.primary_user_agent': 'test' },
    };
    expect(split(options).pool).toEqual({
      channelOptions: {
        'grpc.keepalive_time_ms': 20_000,
        'grpc.keepalive_timeout_ms': 5_000,
        'grpc.primary_user_agent': 'test',
      },
    });
  });

  it('changes nothing of what it is given', () => {
    const options = Object.freeze({
      'grpc.keepalive_time_ms': 10_000,
      channelOptions: Object.freeze({ 'grpc.primary_user_agent': 'test' }),
    });
    split(options);
    expect(options).toEqual({
      'grpc.keepalive_time_ms': 10_000,
      channelOptions: { 'grpc.primary_user_agent': 'test' },
    });
  });

  it.each([[null], ['text'], [5], [[]], [true]])(
    'leaves channelOptions %j for the pool to refuse, also beside a flat key',
    (wrong) => {
      for (const flat of [{}, { 'grpc.keepalive_time_ms': 10_000 }]) {
        expect(split({ ...flat, channelOptions: wrong }).pool.channelOptions).toEqual(wrong);
      }
    },
  );

  it.each(['maxChannel', 'MaxChannels', 'timeout', 'keepalive', 'grpckeepalive_time_ms', 'grpcnode.window', '', '0'])(
    'refuses the unknown option %j, and names those that there are',
    (name) => {
      expect(() => split({ [name]: 1 })).toThrow(TypeError);
      expect(() => split({ [name]: 1 })).toThrow(
        `createPooledClient: unknown option '${name}'; known are minChannels,`,
      );
      expect(() => split({ [name]: undefined })).toThrow(TypeError);
    },
  );

  it.each(['channelOverride', 'channelFactoryOverride'])('refuses %s, and says what to use instead', (name) => {
    expect(() => split({ [name]: {} })).toThrow(TypeError);
    expect(() => split({ [name]: {} })).toThrow(
      `createPooledClient: ${name} cannot be set: the pool is the channel; use channelFactory for its connections`,
    );
  });
});

describe('clientOnlyOptions', () => {
  it('takes what belongs to a client', () => {
    const options = { interceptors: [INTERCEPTOR] };
    expect(clientOnlyOptions(options)).toEqual(options);
    expect(clientOnlyOptions({})).toEqual({});
  });

  it.each([
    ...CHANNEL_POOL_OPTION_NAMES,
    'grpc.keepalive_time_ms',
    'channelOverride',
    'channelFactoryOverride',
    'unknown',
  ])('refuses %s: it is the pool’s', (name) => {
    const options = { [name]: 1 } as unknown as ClientOptions & ChannelPoolOptions;
    expect(() => clientOnlyOptions(options)).toThrow(TypeError);
    expect(() => clientOnlyOptions(options)).toThrow(
      `createPooledClient: ${name} cannot be set on a client that shares a pool`,
    );
  });
});
