import { inspect } from 'node:util';
import type { ChannelOptions } from '@grpc/grpc-js';
import type { ConnectionPolicy } from '@grpc-manifold/core';

/** grpc-js's own keepalive. Where the pool sends PINGs itself there must be no second one. */
export const KEEPALIVE_OPTIONS = [
  'grpc.keepalive_time_ms',
  'grpc.keepalive_timeout_ms',
  'grpc.keepalive_permit_without_calls',
] as const;

/** Options of grpc-js that policies ask for. */
export interface PolicyChannelOptions {
  /** For every connection. */
  readonly always: ChannelOptions;
  /** For connections on which only grpc-js can send a PING. */
  readonly whereGrpcJsPings: ChannelOptions;
}

/**
 * Collects what the policies want of grpc-js, the first policy first.
 *
 * @throws TypeError when a policy does not return an object, or asks for a keepalive that the user has set as well.
 */
export function policyChannelOptions(
  policies: readonly ConnectionPolicy[],
  user: ChannelOptions,
): PolicyChannelOptions {
  let asked: ChannelOptions = {};
  for (const policy of policies) {
    const options: unknown = policy.channelOptions?.() ?? {};
    if (typeof options !== 'object' || options === null) {
      throw new TypeError(
        `ChannelPool: channelOptions() of the policy ${policy.name} must return an object, got ${inspect(options)}`,
      );
    }
    asked = { ...(options as ChannelOptions), ...asked };
  }
  const time = 'grpc.keepalive_time_ms';
  if (asked[time] !== undefined && user[time] !== undefined) {
    throw new TypeError(
      `ChannelPool: channelOptions['${time}'] must not be set beside a policy that keeps connections alive, got ` +
        `${inspect(user[time])}: each would send PINGs of its own`,
    );
  }
  const always: ChannelOptions = { ...asked };
  const whereGrpcJsPings: ChannelOptions = {};
  for (const key of KEEPALIVE_OPTIONS) {
    if (always[key] === undefined) continue;
    whereGrpcJsPings[key] = always[key];
    delete always[key];
  }
  return { always, whereGrpcJsPings };
}
