import type { ChannelView, PoolView } from '@grpc-manifold/core';

/** What a policy sees of a connection that has just become ready and carries a call, but for what is given. */
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
 * What a policy sees of a pool from 0 to 10 connections, but for what is given. Connections are numbered from 1; those
 * with an `idleMs` carry no call.
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
