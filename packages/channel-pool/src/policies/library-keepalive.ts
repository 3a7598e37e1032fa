import type { ChannelOptions } from '@grpc/grpc-js';
import type { ConnectionPolicy } from '@grpc-manifold/core';
import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { KEEPALIVE_OPTIONS } from './policy-channel-options.js';

const TIME = 'grpc.keepalive_time_ms';

/** What a library asks of grpc-js, and the policies of the user beside it. */
export interface LibraryWish {
  readonly channelOptions: ChannelOptions;
  readonly policies: readonly ConnectionPolicy[];
}

/**
 * Lets the user's policy send the PINGs where a library has set a keepalive of its own: the library's options are left
 * out, and of its interval and the policy's the larger holds. A library knows its server, and a shorter interval than
 * the server permits costs the connection (gRFC A8). Without such a policy all stays as it is.
 */
export function yieldToKeepalivePolicy({ channelOptions, policies }: LibraryWish): LibraryWish {
  if (!policies.some(keepsAlive)) return { channelOptions, policies };
  const left: ChannelOptions = { ...channelOptions };
  for (const key of KEEPALIVE_OPTIONS) delete left[key];
  const wishMs: unknown = channelOptions[TIME];
  // -1, and what is beyond any timer, mean that grpc-js sends none.
  if (typeof wishMs !== 'number' || !(wishMs >= 1 && wishMs < MAX_TIMER_MS)) return { channelOptions: left, policies };
  return {
    channelOptions: left,
    policies: policies.map((policy) => (keepsAlive(policy) ? withIntervalOfAtLeast(wishMs, policy) : policy)),
  };
}

function keepsAlive(policy: ConnectionPolicy): boolean {
  return policy.channelOptions?.()[TIME] !== undefined;
}

function withIntervalOfAtLeast(leastMs: number, policy: ConnectionPolicy): ConnectionPolicy {
  return {
    name: policy.name,
    channelOptions: () => {
      const options = policy.channelOptions?.() ?? {};
      return { ...options, [TIME]: Math.max(options[TIME] ?? 0, leastMs) };
    },
    review: (view, nowMs) => {
      const review = policy.review?.(view, nowMs) ?? { actions: [], nextReviewMs: Infinity };
      return {
        ...review,
        actions: review.actions.map((action) =>
          action.kind === 'set-keepalive' && action.timeMs < leastMs
            ? { ...action, timeMs: leastMs, reason: `${action.reason}; the library that made the client asks for more` }
            : action,
        ),
      };
    },
  };
}
