import type { ChannelOptions } from '@grpc/grpc-js';
import type { Random } from '@grpc-manifold/core/internal';
import { withRotatedAddresses } from './address-rotation.js';
import type { PooledChannelSettings } from '../member/member-settings.js';
import { PooledChannel, type PooledChannelObserver } from '../member/pooled-channel.js';

/** What all members of a pool are made of. */
export interface MemberMakerSettings extends Omit<PooledChannelSettings, 'keepaliveTimeMs'> {
  /** Options of grpc-js for connections whose PINGs only it can send. */
  readonly keepaliveOptions: ChannelOptions;
}

/** Makes the members of a pool, and numbers them. */
export class MemberMaker {
  #lastId = 0;
  /** False once a connection was made whose session cannot be seen. */
  #seesSessions: boolean;

  constructor(
    private readonly settings: MemberMakerSettings,
    private readonly random: Random,
    /** The interval between PINGs that a policy has set. */
    private readonly keepaliveTimeMs: () => number | undefined,
    private readonly observer: PooledChannelObserver,
  ) {
    const { channelFactory } = settings;
    this.#seesSessions = channelFactory === undefined || channelFactory.showsConnections === true;
  }

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  make(): PooledChannel {
    this.#lastId += 1;
    const { keepaliveOptions: _, ...settings } = this.settings;
    const keepalive = this.#seesSessions ? {} : this.#grpcJsKeepalive();
    const given = { ...keepalive, ...settings.channelOptions };
    const channelOptions = withRotatedAddresses(settings.target, given, this.#lastId);
    const keepaliveTimeMs = keepalive['grpc.keepalive_time_ms'] ?? Infinity;
    const own = { ...settings, channelOptions, keepaliveTimeMs };
    return new PooledChannel(this.#lastId, this.random.next(), own, this.observer);
  }

  /** A connection is ready: what is seen of it is likely to be seen of the next ones. */
  learnFrom(member: PooledChannel): void {
    if (!member.canPing) this.#seesSessions = false;
  }

  /** What a server has found too often for one connection is too often for the next. */
  #grpcJsKeepalive(): ChannelOptions {
    const { keepaliveOptions } = this.settings;
    const timeMs = keepaliveOptions['grpc.keepalive_time_ms'];
    if (timeMs === undefined) return {};
    return { ...keepaliveOptions, 'grpc.keepalive_time_ms': Math.max(timeMs, this.keepaliveTimeMs() ?? 0) };
  }
}
