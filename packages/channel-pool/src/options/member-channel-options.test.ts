import type { ChannelOptions } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { HONEST_WRITE_BYTES, memberOptions, RECEIVE_WINDOW_BYTES } from './member-channel-options.js';

const TARGET = 'dns:///api.example.com:443';
const SERVICE = [{ name: [{ service: 'echo.Echo' }] }];
const RETRY_POLICY = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};

function withConfig(config: unknown, more: ChannelOptions = {}): ChannelOptions {
  return { 'grpc.service_config': JSON.stringify(config), ...more };
}

function configOf(options: ChannelOptions): unknown {
  return JSON.parse(options['grpc.service_config'] as string);
}

function memberChannelOptions(target: string, user: ChannelOptions): ChannelOptions {
  return memberOptions(target, user).channelOptions;
}

describe('memberOptions', () => {
  it('gives a member its own connection, honest writes, a large window and no look-up of a service config', () => {
    expect(memberChannelOptions(TARGET, {})).toEqual({
      'grpc.service_config_disable_resolution': 1,
      'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
      'grpc.per_rpc_retry_buffer_size': HONEST_WRITE_BYTES,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.client_idle_timeout_ms': MAX_TIMER_MS,
    });
    expect([RECEIVE_WINDOW_BYTES, HONEST_WRITE_BYTES]).toEqual([4_194_304, 65_536]);
  });

  it('keeps what the user set', () => {
    const user: ChannelOptions = {
      'grpc.service_config_disable_resolution': 0,
      'grpc-node.flow_control_window': 65_535,
      'grpc.per_rpc_retry_buffer_size': 1_048_576,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.primary_user_agent': 'test/1.0',
    };
    expect(memberChannelOptions(TARGET, user)).toEqual({
      ...user,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.client_idle_timeout_ms': MAX_TIMER_MS,
    });
  });

  it.each([0, 1])('never shares a connection, although the user set a local subchannel pool to %d', (value) => {
    const options = memberChannelOptions(TARGET, { 'grpc.use_local_subchannel_pool': value });
    expect(options['grpc.use_local_subchannel_pool']).toBe(1);
  });

  it('lets no member go idle by itself, whatever the user set for the pool', () => {
    const options = memberChannelOptions(TARGET, { 'grpc.client_idle_timeout_ms': 1_000 });
    expect(options['grpc.client_idle_timeout_ms']).toBe(MAX_TIMER_MS);
  });

  it('changes nothing of what it is given', () => {
    const user = Object.freeze(withConfig({ loadBalancingConfig: [{ round_robin: {} }] }));
    const before = { ...user };
    memberChannelOptions(TARGET, user);
    expect(user).toEqual(before);
  });

  describe('service config', () => {
    it('leaves grpc-js its write buffer where a retryPolicy needs it', () => {
      const options = memberChannelOptions(
        TARGET,
        withConfig({ methodConfig: [...SERVICE, { retryPolicy: RETRY_POLICY }] }),
      );
      expect(options).not.toHaveProperty(['grpc.per_rpc_retry_buffer_size']);
      expect(configOf(options)).toEqual({ methodConfig: [...SERVICE, { retryPolicy: RETRY_POLICY }] });
    });

    it('keeps the buffer that the user set beside a retryPolicy', () => {
      const config = { methodConfig: [{ ...SERVICE[0], retryPolicy: RETRY_POLICY }] };
      const options = memberChannelOptions(TARGET, withConfig(config, { 'grpc.per_rpc_retry_buffer_size': 5_000 }));
      expect(options['grpc.per_rpc_retry_buffer_size']).toBe(5_000);
    });

    it.each([
      ['is empty', {}],
      ['has no methods', { methodConfig: [] }],
      ['has methods without retries', { methodConfig: SERVICE }],
    ])('has honest writes where it %s', (_what, config) => {
      const options = memberChannelOptions(TARGET, withConfig(config));
      expect(options['grpc.per_rpc_retry_buffer_size']).toBe(HONEST_WRITE_BYTES);
      expect(configOf(options)).toEqual(config);
    });

    it('refuses hedging, and says why', () => {
      const config = { methodConfig: [...SERVICE, { hedgingPolicy: { maxAttempts: 5 } }] };
      expect(() => memberChannelOptions(TARGET, withConfig(config))).toThrow(TypeError);
      expect(() => memberChannelOptions(TARGET, withConfig(config))).toThrow(
        /channelOptions\['grpc\.service_config'\] must not have a hedgingPolicy/,
      );
    });

    it.each(['dns:///api.example.com:443', 'ipv4:127.0.0.1:443', 'unix:/tmp/socket', 'localhost:443', 'xdsfoo:443'])(
      'loses its load balancing, and nothing else, for %s',
      (target) => {
        const kept = { methodConfig: SERVICE, retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } };
        const config = { ...kept, loadBalancingConfig: [{ round_robin: {} }], loadBalancingPolicy: 'round_robin' };
        expect(configOf(memberChannelOptions(target, withConfig(config)))).toEqual(kept);
      },
    );

    const TIMED = [
      { ...SERVICE[0], timeout: '1s', retryPolicy: RETRY_POLICY },
      { name: [{}], waitForReady: true },
    ];

    it('leaves the timeouts of its methods to the pool, which counts them while a call waits', () => {
      const { channelOptions, methods } = memberOptions(TARGET, withConfig({ methodConfig: TIMED }));
      const [{ timeout: _timeout, ...first }, second] = TIMED as [{ timeout: string }, object];
      expect(configOf(channelOptions)).toEqual({ methodConfig: [first, second] });
      expect(methods.of('/echo.Echo/Call')).toMatchObject({ timeoutMs: 1_000, waitForReady: false });
      expect(methods.of('/other.Service/Call')).toMatchObject({ timeoutMs: Infinity, waitForReady: true });
    });

    it.each([
      ['xDS', 'xds:///service', {}],
      ['a name server that may be asked for another', TARGET, { 'grpc.service_config_disable_resolution': 0 }],
    ])('leaves them to the channel for %s', (_what, target, more) => {
      const { channelOptions, methods } = memberOptions(target, withConfig({ methodConfig: TIMED }, more));
      expect(configOf(channelOptions)).toEqual({ methodConfig: TIMED });
      expect(methods.of('/echo.Echo/Call').timeoutMs).toBe(Infinity);
    });

    it('keeps its load balancing for xDS, which brings its own', () => {
      const config = { loadBalancingConfig: [{ round_robin: {} }], loadBalancingPolicy: 'round_robin' };
      expect(configOf(memberChannelOptions('xds:///service', withConfig(config)))).toEqual(config);
    });

    it.each([
      ['no JSON', '{methodConfig: []}'],
      ['empty', ''],
      ['a JSON array', '[]'],
      ['JSON null', 'null'],
      ['a JSON number', '5'],
      ['a JSON string', '"config"'],
      ['null', null],
      ['a number', 5],
      ['an object that is not serialized', { methodConfig: [] }],
      ['methods that are an object', '{"methodConfig":{}}'],
      ['methods that are a string', '{"methodConfig":"all"}'],
      ['a method that is null', '{"methodConfig":[null]}'],
    ])('is refused by name when it is %s', (_what, config) => {
      const options = { 'grpc.service_config': config } as ChannelOptions;
      expect(() => memberChannelOptions(TARGET, options)).toThrow(TypeError);
      expect(() => memberChannelOptions(TARGET, options)).toThrow(
        /^ChannelPool: channelOptions\['grpc\.service_config'\]/,
      );
    });
  });
});
