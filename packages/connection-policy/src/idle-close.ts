import type { ChannelView, ConnectionPolicy, PolicyAction, PolicyReview, PoolView } from '@grpc-manifold/core';
import { OptionReader } from '@grpc-manifold/core/internal';
import { LOOK_AGAIN_MS } from './look-again.js';

/** Options of {@link idleClose}. */
export interface IdleCloseOptions {
  /**
   * Milliseconds without a call after which a connection is closed. Keep it below the time after which what lies
   * between forgets a flow. 1 or more, or Infinity; default 300,000.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Connections that may be without calls at one time; of more, those that were used least recently are closed when
   * they have been so for a second. 0 or more, or Infinity; default Infinity.
   */
  readonly maxIdleChannels?: number;
}

/**
 * Makes a policy that closes connections without calls, those that were used least recently first, and never so many
 * that fewer than `minChannels` are left. One that has to stay for that is asked for a sign of life before its next
 * call.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function idleClose(options: IdleCloseOptions = {}): ConnectionPolicy {
  const read = new OptionReader('idleClose', options, ['idleTimeoutMs', 'maxIdleChannels']);
  const idleTimeoutMs = read.number('idleTimeoutMs', 300_000, { min: 1, unlimited: true });
  const maxIdleChannels = read.integer('maxIdleChannels', Infinity, { min: 0, unlimited: true });
  return { name: 'idleClose', review: (view) => reviewIdleness(view, idleTimeoutMs, maxIdleChannels) };
}

function reviewIdleness(view: PoolView, idleTimeoutMs: number, maxIdleChannels: number): PolicyReview {
  const ready = view.channels.filter(({ state }) => state === 'ready');
  const idle = ready.filter(({ inFlightCalls }) => inFlightCalls === 0).sort(byLastUse);

  // What has just become ready, or is between two calls of a burst, is not too much yet.
  const surplusAfterMs = Math.min(LOOK_AGAIN_MS, idleTimeoutMs);
  const surplus = Math.max(idle.length - maxIdleChannels, 0);
  // One that is being opened may be there to take the place of another.
  const spare = Math.max(ready.length - view.minChannels, 0);
  const dueMs = (place: number): number => (place < Math.min(surplus, spare) ? surplusAfterMs : idleTimeoutMs);

  const actions: PolicyAction[] = [];
  // A call may end at any moment from now on, and no review tells of it.
  const mayExceed = spare > 0 && ready.length > maxIdleChannels;
  let nextReviewMs = ready.length > idle.length ? (mayExceed ? surplusAfterMs : idleTimeoutMs) : Infinity;
  for (const [place, channel] of idle.entries()) {
    const leftMs = dueMs(place) - channel.idleMs;
    if (leftMs <= 0) actions.push(place < spare ? close(channel) : verify(channel));
    nextReviewMs = Math.min(nextReviewMs, leftMs > 0 ? leftMs : idleTimeoutMs);
  }

  // Only a call brings one back that is ejected, and none may come: it has no calls until then, and is forgotten
  // meanwhile.
  const ejected = view.channels.filter((channel) => channel.isEjected).sort(byLastUse);
  let ejectedSpare = Math.max(ready.length + ejected.length - view.minChannels, 0);
  for (const channel of ejected) {
    const leftMs = channel.inFlightCalls > 0 ? idleTimeoutMs : idleTimeoutMs - channel.idleMs;
    if (leftMs <= 0) actions.push(ejectedSpare-- > 0 ? close(channel) : verify(channel));
    nextReviewMs = Math.min(nextReviewMs, leftMs > 0 ? leftMs : idleTimeoutMs);
  }
  return { actions, nextReviewMs };
}

function byLastUse(one: ChannelView, other: ChannelView): number {
  return other.idleMs - one.idleMs || one.id - other.id;
}

function close({ id, idleMs }: ChannelView): PolicyAction {
  return { kind: 'close', channelId: id, reason: `no call for ${Math.round(idleMs)} ms` };
}

function verify({ id, idleMs }: ChannelView): PolicyAction {
  return { kind: 'verify', channelId: id, reason: `no call for ${Math.round(idleMs)} ms, kept for minChannels` };
}
