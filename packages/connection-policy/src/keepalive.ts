import type { ChannelView, ConnectionPolicy, PolicyAction, PolicyReview, PoolView } from '@grpc-manifold/core';
import { MAX_TIMER_MS } from '@grpc-manifold/core/internal';
import { LOOK_AGAIN_MS } from './look-again.js';
import { resolveKeepaliveOptions, type KeepaliveOptions } from './keepalive-options.js';
import type { KeepaliveTimes } from './keepalive-preset.js';

export type { KeepaliveOptions } from './keepalive-options.js';
export type { KeepalivePreset } from './keepalive-preset.js';

/** What servers permit unless they are told otherwise (gRFC A8, PERMIT_KEEPALIVE_TIME). */
const PERMITTED_TIME_MS = 300_000;
/** The most that one PING waits for all others: a second, or a tenth of the interval. */
const MAX_SPREAD_MS = 1_000;
const SPREAD_RATIO = 0.1;

/**
 * Makes a policy that sends a PING on connections that have calls and were silent for a while, so that one that is dead
 * is noticed (gRFC A8), also on connections that drain. Members do not ping at the same moment. What one of them is
 * told, `too_many_pings`, all of them heed: the interval doubles, to five minutes at least, and those that had pinged
 * more often are replaced one by one, since their servers hold it against them. One without calls is asked for life
 * with its next call instead.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function keepalive(options: KeepaliveOptions = {}): ConnectionPolicy {
  const times = resolveKeepaliveOptions(options);
  return {
    name: 'keepalive',
    channelOptions: () => ({
      'grpc.keepalive_time_ms': times.timeMs,
      'grpc.keepalive_timeout_ms': times.timeoutMs,
      // The number: grpc-js does not take `true` for an answer.
      'grpc.keepalive_permit_without_calls': times.withoutCalls ? 1 : 0,
    }),
    review: (view) => reviewSilence(view, times),
  };
}

function reviewSilence(view: PoolView, times: KeepaliveTimes): PolicyReview {
  const change = changeOfInterval(view, times.timeMs);
  const intervalMs = change?.timeMs ?? view.keepaliveTimeMs ?? times.timeMs;
  const actions: PolicyAction[] = change === undefined ? [] : [change];
  const due: ChannelView[] = [];
  let nextPingMs = Infinity;
  let nextLookMs = Infinity;

  for (const channel of view.channels) {
    if (!isConnected(channel)) continue;
    if (channel.state === 'ready' && channel.keepaliveTimeMs < intervalMs) {
      actions.push(rotate(channel));
      nextLookMs = Math.min(nextLookMs, LOOK_AGAIN_MS);
    }
    const leftMs = intervalMs - Math.min(channel.silentMs, channel.pingedMs);
    if (channel.isPinging) {
      // If the answer comes now.
      nextPingMs = Math.min(nextPingMs, intervalMs);
    } else if (channel.canPing && wantsPings(channel, times.withoutCalls)) {
      if (leftMs <= 0) due.push(channel);
      else nextPingMs = Math.min(nextPingMs, leftMs);
    } else if (channel.state === 'ready' || channel.isEjected) {
      const unheardMs = intervalMs - channel.silentMs;
      if (unheardMs <= 0 && channel.inFlightCalls === 0) actions.push(verify(channel));
      // A call may begin now, and no review tells of it.
      nextLookMs = Math.min(nextLookMs, unheardMs > 0 ? unheardMs : intervalMs);
    }
  }

  const spreadMs = Math.min(intervalMs * SPREAD_RATIO, MAX_SPREAD_MS);
  const gapMs = spreadMs / Math.max(view.channels.filter(isConnected).length, 1);
  let waitMs = gapMs - Math.min(...view.channels.map(({ pingedMs }) => pingedMs));
  const [first, ...others] = due.sort((one, other) => other.silentMs - one.silentMs || one.id - other.id);
  if (first !== undefined && waitMs <= 0) {
    actions.push(ping(first, times.timeoutMs));
    nextPingMs = Math.min(nextPingMs, others.length > 0 ? 0 : intervalMs);
    waitMs = gapMs;
  } else if (first !== undefined) {
    nextPingMs = 0;
  }
  return { actions, nextReviewMs: Math.min(nextLookMs, Math.max(nextPingMs, waitMs)) };
}

/** An ejected connection may have calls that were there before, and gets one to try it. */
function isConnected(channel: ChannelView): boolean {
  return channel.state === 'ready' || channel.state === 'draining' || channel.isEjected;
}

function wantsPings({ inFlightCalls }: ChannelView, withoutCalls: boolean): boolean {
  return withoutCalls || inFlightCalls > 0;
}

function changeOfInterval(
  view: PoolView,
  timeMs: number,
): Extract<PolicyAction, { kind: 'set-keepalive' }> | undefined {
  const { keepaliveTimeMs, pingStrikes } = view;
  if (pingStrikes > 0) {
    const doubledMs = Math.max(2 * (keepaliveTimeMs ?? timeMs), PERMITTED_TIME_MS);
    const reason = `${pingStrikes} closed with too_many_pings at one in ${keepaliveTimeMs ?? timeMs} ms`;
    return { kind: 'set-keepalive', timeMs: Math.min(doubledMs, MAX_TIMER_MS), reason };
  }
  return keepaliveTimeMs === undefined
    ? { kind: 'set-keepalive', timeMs, reason: 'as keepalive() was told' }
    : undefined;
}

function rotate({ id, keepaliveTimeMs }: ChannelView): PolicyAction {
  return { kind: 'rotate', channelId: id, reason: `it has pinged as often as once in ${keepaliveTimeMs} ms` };
}

function ping({ id, silentMs }: ChannelView, timeoutMs: number): PolicyAction {
  return { kind: 'ping', channelId: id, reason: `silent for ${Math.round(silentMs)} ms`, timeoutMs };
}

function verify({ id, silentMs }: ChannelView): PolicyAction {
  return { kind: 'verify', channelId: id, reason: `silent for ${Math.round(silentMs)} ms without calls` };
}
