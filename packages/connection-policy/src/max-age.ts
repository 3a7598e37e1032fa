import type { ChannelView, ConnectionPolicy, PolicyAction, PolicyReview, PoolView } from '@grpc-manifold/core';
import { OptionReader } from '@grpc-manifold/core/internal';
import { LOOK_AGAIN_MS } from './look-again.js';

/** Options of {@link maxAge}. */
export interface MaxAgeOptions {
  /**
   * Milliseconds after which a connection is replaced. Keep it below the age at which the server ends connections by
   * itself (gRFC A9, MAX_CONNECTION_AGE). 1 or more, or Infinity; default 1,800,000.
   */
  readonly maxAgeMs?: number;
  /**
   * The part of its age by which a connection may go sooner, so that those that were made together do not go together.
   * How much, is drawn when it is made and stays. 0 to 1; default 0.1.
   */
  readonly jitterRatio?: number;
  /**
   * Milliseconds for which a connection that takes no more calls may finish those that it has; then they end. 1 or
   * more, or Infinity; default 1,800,000.
   */
  readonly drainTimeoutMs?: number;
}

/**
 * Makes a policy that replaces connections that are old, so that the calls find backends that are new. The pool has
 * another connection ready before the old one takes no more calls, and replaces one at a time. One that never had a
 * call is closed instead, unless it has to stay for `minChannels`.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function maxAge(options: MaxAgeOptions = {}): ConnectionPolicy {
  const read = new OptionReader('maxAge', options, ['maxAgeMs', 'jitterRatio', 'drainTimeoutMs']);
  const limits: Limits = {
    maxAgeMs: read.number('maxAgeMs', 1_800_000, { min: 1, unlimited: true }),
    jitterRatio: read.number('jitterRatio', 0.1, { min: 0, max: 1 }),
    drainTimeoutMs: read.number('drainTimeoutMs', 1_800_000, { min: 1, unlimited: true }),
  };
  return { name: 'maxAge', review: (view) => reviewAges(view, limits) };
}

type Limits = Required<MaxAgeOptions>;

function reviewAges(view: PoolView, limits: Limits): PolicyReview {
  const looks = view.channels.map((channel) => ({ channel, leftMs: leftMs(channel, limits) }));
  const overdue = looks.filter((look) => look.leftMs <= 0);
  // One that is being opened may be there to take the place of another.
  let spare = Math.max(view.channels.filter(({ state }) => state === 'ready').length - view.minChannels, 0);
  // The pool replaces one at a time, and takes the first: nobody is to wait for ever behind those that come due later.
  const actions = overdue
    .sort((one, other) => one.leftMs - other.leftMs || one.channel.id - other.channel.id)
    .map(({ channel }): PolicyAction => {
      if (channel.state === 'draining') return endDrain(channel);
      // Or connections of which `idleClose` is to be rid would be made anew before it is their time, for ever.
      return wasNeverUsed(channel) && spare-- > 0 ? close(channel) : rotate(channel);
    });
  const nextReviewMs = looks.reduce(
    (ms, look) => Math.min(ms, look.leftMs > 0 ? look.leftMs : LOOK_AGAIN_MS),
    Infinity,
  );
  return { actions, nextReviewMs };
}

/** Milliseconds until something is to be done with a connection, 0 or less when it is. */
function leftMs({ state, jitterFraction, ageMs, drainingMs }: ChannelView, limits: Limits): number {
  if (state === 'ready') return limits.maxAgeMs * (1 - limits.jitterRatio * jitterFraction) - ageMs;
  if (state === 'draining') return limits.drainTimeoutMs - drainingMs;
  return Infinity;
}

function wasNeverUsed({ inFlightCalls, idleMs, ageMs }: ChannelView): boolean {
  return inFlightCalls === 0 && idleMs >= ageMs;
}

function rotate({ id, ageMs }: ChannelView): PolicyAction {
  return { kind: 'rotate', channelId: id, reason: `${Math.round(ageMs)} ms old` };
}

function close({ id, ageMs }: ChannelView): PolicyAction {
  return { kind: 'close', channelId: id, reason: `${Math.round(ageMs)} ms old, and never used` };
}

function endDrain({ id, drainingMs }: ChannelView): PolicyAction {
  return { kind: 'close', channelId: id, reason: `its calls did not end within ${Math.round(drainingMs)} ms` };
}
