import { inspect } from 'node:util';
import type { ChannelOptions } from '@grpc/grpc-js';
import { isXdsTarget, MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { MethodConfigs } from './method-config.js';

/** Bytes that one connection may receive unasked: 4 MiB made 200 KB responses 1.7–2.2 × faster than HTTP/2's 64 KiB. */
export const RECEIVE_WINDOW_BYTES = 4 * 1024 * 1024;
/**
 * Bytes of a call that grpc-js acknowledges before they are written; its own default of 1 MiB makes write callbacks
 * lie.
 */
export const HONEST_WRITE_BYTES = 64 * 1024;

/** Of a service config that only the channel knows. */
const NONE = new MethodConfigs([]);

interface MethodConfig {
  readonly retryPolicy?: unknown;
  readonly hedgingPolicy?: unknown;
  readonly timeout?: unknown;
}

/** The options of one member, and what the pool itself does of them. */
export interface MemberOptions {
  readonly channelOptions: ChannelOptions;
  readonly methods: MethodConfigs;
}

/**
 * Turns the options that a user gave for "the channel" into those of one member. What the user set stays, but for what
 * would break the rule that a member is one connection, and for the timeouts of methods: the pool counts those itself,
 * from the start of a call.
 *
 * @throws TypeError when the service config is no JSON object, asks for hedging, or has a wrong timeout or message
 * size.
 */
export function memberOptions(target: string, user: ChannelOptions): MemberOptions {
  const serviceConfig = readServiceConfig(user['grpc.service_config']);
  const methodConfigs = readMethodConfigs(serviceConfig?.['methodConfig']);
  if (methodConfigs.some((config) => config.hedgingPolicy !== undefined)) {
    // Each attempt would be a stream that the pool did not count: 10 calls were 50 streams.
    throw new TypeError(
      `ChannelPool: channelOptions['grpc.service_config'] must not have a hedgingPolicy: hedged attempts would go past ` +
        `the limits of the pool; use a retryPolicy`,
    );
  }
  const retries = methodConfigs.some((config) => config.retryPolicy !== undefined);
  const options: ChannelOptions = {
    // A TXT look-up for each member would ask for what all of them must share.
    'grpc.service_config_disable_resolution': 1,
    'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
    // A message larger than the buffer cannot be retried: only where nothing is retried may it be small.
    ...(retries ? {} : { 'grpc.per_rpc_retry_buffer_size': HONEST_WRITE_BYTES }),
    ...user,
    // Channels to one target with equal options would share one connection.
    'grpc.use_local_subchannel_pool': 1,
    // Members do not go idle one by one: the pool does, as a plain channel would.
    'grpc.client_idle_timeout_ms': MAX_TIMER_MS,
  };
  // xDS brings its own balancing: there a member is whatever the control plane says.
  if (serviceConfig === undefined || isXdsTarget(target)) return { channelOptions: options, methods: NONE };
  const { loadBalancingConfig: _config, loadBalancingPolicy: _policy, ...kept } = serviceConfig;
  // What a name server says would take the place of the option, and only the channel would know.
  const isOverridable = options['grpc.service_config_disable_resolution'] !== 1;
  const methods = isOverridable ? NONE : new MethodConfigs(methodConfigs);
  if (!isOverridable && methodConfigs.some((config) => config.timeout !== undefined)) {
    kept['methodConfig'] = methodConfigs.map(({ timeout: _timeout, ...config }) => config);
  }
  options['grpc.service_config'] = JSON.stringify(kept);
  return { channelOptions: options, methods };
}

function readMethodConfigs(configs: unknown): readonly MethodConfig[] {
  if (configs === undefined) return [];
  if (Array.isArray(configs) && configs.every((config) => typeof config === 'object' && config !== null)) {
    return configs as readonly MethodConfig[];
  }
  throw new TypeError(
    `ChannelPool: channelOptions['grpc.service_config'] must have a list of objects as methodConfig, got ${inspect(configs)}`,
  );
}

/** Reads a service config. @throws TypeError when it is no JSON object. */
export function readServiceConfig(json: unknown): Record<string, unknown> | undefined {
  if (json === undefined) return undefined;
  try {
    const parsed: unknown = typeof json === 'string' ? JSON.parse(json) : undefined;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>;
    }
  } catch {
    // Told below, together with JSON that is not an object.
  }
  throw new TypeError(`ChannelPool: channelOptions['grpc.service_config'] must be a JSON object, got ${inspect(json)}`);
}
