import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import type { ChannelFactory } from '@grpc-manifold/core';
import { connectionOf, ObservedConnection, type Clock, type Connection } from '@grpc-manifold/core/internal';

/** What one member is made of. */
export interface PooledChannelSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly channelFactory: ChannelFactory | undefined;
  /** The limit that the user has set; read anew each time. */
  readonly maxStreamsPerChannel: () => number | undefined;
  readonly connectTimeoutMs: number;
  /** Milliseconds for which a question for a sign of life may be unanswered before its calls end; Infinity for ever. */
  readonly silenceTimeoutMs: number;
  /** Milliseconds between the PINGs that the channel sends by itself; Infinity when it sends none. */
  readonly keepaliveTimeMs: number;
  /** Resets that the member may send at once; see `ResetBudget`. */
  readonly resetBurst: number;
  readonly clock: Clock;
}

/** Makes the channel. A channel of the user's own need not show its connection; then only its sockets are observed. */
export function connectionWith(settings: PooledChannelSettings, id: number): Connection {
  const { target, credentials, channelOptions, channelFactory, clock } = settings;
  if (channelFactory === undefined) return new ObservedConnection({ target, credentials, channelOptions, clock });
  const channel = channelFactory(target, credentials, channelOptions, { id });
  return connectionOf(channel) ?? new ObservedConnection({ target, credentials, channelOptions, clock, channel });
}
