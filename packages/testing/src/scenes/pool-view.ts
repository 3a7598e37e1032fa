import type { ChannelView, PoolView } from '@grpc-manifold/core';

/** Creates the view of a connection that has just become ready and carries one call, with the given changes. */
export function channelView(id: number, given: Partial<ChannelView> = {}): ChannelView {
  return {
    id,
    state: 'ready',
    isEjected: false,
    jitterFraction: 0,
    inFlightCalls: given.idleMs === undefined ? 1 : 0,
    ageMs: 0,
    idleMs: 0,
    silentMs: 0,
    drainingMs: 0,
    canPing: true,
    pings: 0,
    pingedMs: Infinity,
    isPinging: false,
    keepaliveTimeMs: Infinity,
    ...given,
  };
}

/**
 * Creates the view of a pool of 0 to 10 connections, with the given changes. Connection ids count from 1; a connection
 * with an `idleMs` carries no call.
 */
export function poolView(
  given: Partial<Omit<PoolView, 'channels'>> = {},
  ...channels: readonly Partial<ChannelView>[]
): PoolView {
  return {
    minChannels: 0,
    maxChannels: 10,
    keepaliveTimeMs: undefined,
    pingStrikes: 0,
    ...given,
    channels: channels.map((channel, index) => channelView(index + 1, channel)),
  };
}
