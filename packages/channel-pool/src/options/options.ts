import { inspect } from 'node:util';
import type { ChannelOptions } from '@grpc/grpc-js';
import type { QueueOptions } from '@grpc-manifold/bounded-queue';
import { resolveQueueOptions, type ResolvedQueueOptions } from '@grpc-manifold/bounded-queue/internal';
import type { CallInfo, ChannelFactory, ConnectionPolicy } from '@grpc-manifold/core';
import { OptionReader } from '@grpc-manifold/core/internal';
import { idleClose } from '@grpc-manifold/connection-policy';
import { placeOfOption } from './option-place.js';
import { PICKER_NAMES, type PickerName } from '../pickers/index.js';
import type { Picker } from '../pickers/picker.js';

/** Options of a {@link ChannelPool}. All are optional; they are read once and never changed. */
export interface ChannelPoolOptions {
  /**
   * Connections that are kept while the pool is in use; the first call opens them. 0 to `maxChannels`; default 1 (or
   * `maxChannels`). When no call was made for `grpc.client_idle_timeout_ms` (1,800,000; at least 1,000), or the server
   * has ended the last connection of an unused pool, all are closed until the next call; set to 1 or more, so many are
   * kept even then.
   */
  readonly minChannels?: number;
  /** Connections at the most; equal to `minChannels` for a fixed pool. 1 to 1,000; default 10 (or `minChannels`). */
  readonly maxChannels?: number;
  /**
   * Connections that the pool drains by its own choice, and stalled ones that it keeps for their calls. 1 to 1,000;
   * default 10. While so many drain, rotation and shrinking wait. A connection whose server said GOAWAY drains as long
   * as its calls run, however many do; `onAlarm` tells of more than these.
   */
  readonly maxDrainingChannels?: number;
  /**
   * Streams that one connection may carry. 1 to 1,000. When set, the smaller of it and the server's
   * SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, section 6.5.2) holds; unset, the server's, at most 1,000, or 100 where
   * that cannot be seen.
   */
  readonly maxStreamsPerChannel?: number;
  /** Streams in use over streams there is room for, at which another connection is opened. 0.01 to 1; default 0.9. */
  readonly growAtRatio?: number;
  /**
   * Milliseconds for TCP, TLS and the server's first SETTINGS together; what is not ready by then has failed and its
   * socket is destroyed. 1 or more, or Infinity; default 20,000.
   */
  readonly connectTimeoutMs?: number;
  /**
   * Milliseconds for which a connection may give no sign of life after it was asked for one, before the calls that are
   * still on it end UNAVAILABLE with the fault `stalled`. Another takes its place after 5 s in any case. Only time in
   * which this process ran counts. 1,000 or more, or Infinity for never, as in grpc-js; default 60,000.
   */
  readonly silenceTimeoutMs?: number;
  /**
   * Milliseconds for which fewer connections must have been enough before those that are not needed are drained. 1 or
   * more, or Infinity for never; default 60,000.
   */
  readonly shrinkAfterMs?: number;
  /**
   * Which connection gets the next call: one of {@link PICKER_NAMES}, or a picker of your own. Default 'least-streams'.
   */
  readonly picker?: PickerName | Picker;
  /**
   * Gives the key of a call. Calls of one key go to one connection while that lives and has room; 10,000 keys are
   * remembered. Default: no call has one.
   */
  readonly affinity?: (call: CallInfo) => string | undefined;
  /** Bounds of the waiting room, for when every connection is full. */
  readonly queue?: QueueOptions;
  /**
   * What keeps the connections healthy: policies, each with a name of its own, asked in this order. Default
   * `[idleClose()]`.
   */
  readonly policies?: readonly ConnectionPolicy[];
  /**
   * Whether a connection gets no calls for a while (docs/decisions/0014) when five streams in a row were broken on it,
   * when it is more than three times as slow as the others are in the median, or when nothing is heard of it for a
   * second while calls wait. Never more than half of them. Needs `maxChannels` of at least 2. Default true.
   */
  readonly ejectOutliers?: boolean;
  /**
   * What disposing does with calls in flight: let them finish within `drainTimeoutMs`, or cancel them. Default 'drain'.
   */
  readonly onDispose?: 'drain' | 'cancel';
  /**
   * Milliseconds that a drain waits for calls to finish. 0 or more, or Infinity; default 5,000. It bounds `close()` too
   * where it is set: unset, `close()` lets calls finish however long they take, as grpc-js does.
   */
  readonly drainTimeoutMs?: number;
  /** grpc-js channel options of every connection. */
  readonly channelOptions?: ChannelOptions;
  /** Makes the channel of each connection. Default: grpc-js's own. */
  readonly channelFactory?: ChannelFactory;
}

/** {@link ChannelPoolOptions} with every default filled in. */
export interface ResolvedChannelPoolOptions extends Required<
  Omit<ChannelPoolOptions, 'queue' | 'channelFactory' | 'affinity' | 'maxStreamsPerChannel'>
> {
  readonly queue: ResolvedQueueOptions;
  readonly maxStreamsPerChannel: number | undefined;
  readonly affinity: ((call: CallInfo) => string | undefined) | undefined;
  readonly channelFactory: ChannelFactory | undefined;
  /** Milliseconds that `close()` waits for calls to finish. */
  readonly closeTimeoutMs: number;
  /** True when `minChannels` are kept although nobody uses the pool: the user has set it. */
  readonly keepsMinChannels: boolean;
}

/** The names of all options of a pool. */
export const CHANNEL_POOL_OPTION_NAMES = [
  'minChannels',
  'maxChannels',
  'maxDrainingChannels',
  'maxStreamsPerChannel',
  'growAtRatio',
  'shrinkAfterMs',
  'connectTimeoutMs',
  'silenceTimeoutMs',
  'picker',
  'affinity',
  'queue',
  'policies',
  'ejectOutliers',
  'onDispose',
  'drainTimeoutMs',
  'channelOptions',
  'channelFactory',
] as const satisfies readonly (keyof ChannelPoolOptions)[];

/**
 * Fills in the defaults and checks every value.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveChannelPoolOptions(options: ChannelPoolOptions | undefined): ResolvedChannelPoolOptions {
  const read = new OptionReader('ChannelPool', options, CHANNEL_POOL_OPTION_NAMES, placeOfOption);
  // Either of the two moves the default of the other, so that `maxChannels: 4` and `minChannels: 20` alone make sense.
  const givenMax = read.integer('maxChannels', 10, { min: 1, max: 1_000 });
  const minChannels = read.integer('minChannels', Math.min(1, givenMax), { min: 0, max: 1_000 });
  const maxChannels = options?.maxChannels === undefined ? Math.max(givenMax, minChannels) : givenMax;
  if (minChannels > maxChannels) {
    throw minAboveMax('ChannelPool', minChannels, maxChannels);
  }
  return {
    minChannels,
    maxChannels,
    keepsMinChannels: options?.minChannels !== undefined && minChannels > 0,
    maxDrainingChannels: read.integer('maxDrainingChannels', 10, { min: 1, max: 1_000 }),
    maxStreamsPerChannel: optionalInteger(read, 'maxStreamsPerChannel', options?.maxStreamsPerChannel),
    growAtRatio: read.number('growAtRatio', 0.9, { min: 0.01, max: 1 }),
    shrinkAfterMs: read.number('shrinkAfterMs', 60_000, { min: 1, unlimited: true }),
    connectTimeoutMs: read.number('connectTimeoutMs', 20_000, { min: 1, unlimited: true }),
    silenceTimeoutMs: read.number('silenceTimeoutMs', 60_000, { min: 1_000, unlimited: true }),
    picker: readPicker(read, options?.picker),
    affinity: read.optionalFunction('affinity'),
    queue: resolveQueueOptions(read.optionalObject('queue')),
    policies: readPolicies(read),
    ejectOutliers: read.boolean('ejectOutliers', true),
    onDispose: read.oneOf('onDispose', 'drain', ['drain', 'cancel']),
    drainTimeoutMs: read.number('drainTimeoutMs', 5_000, { min: 0, unlimited: true }),
    closeTimeoutMs: read.number('drainTimeoutMs', Infinity, { min: 0, unlimited: true }),
    channelOptions: readChannelOptions(read),
    channelFactory: read.optionalFunction('channelFactory'),
  };
}

/** What `pool.update()` changes on a living pool. */
export type ChannelPoolUpdate = Pick<
  ChannelPoolOptions,
  'minChannels' | 'maxChannels' | 'maxStreamsPerChannel' | 'queue'
>;

/**
 * The options in force, with some of them changed.
 *
 * @throws TypeError, RangeError naming the option, its range and the value; nothing is changed then.
 */
export function updatedOptions(
  options: ResolvedChannelPoolOptions,
  update: ChannelPoolUpdate,
): ResolvedChannelPoolOptions {
  const read = new OptionReader('ChannelPool.update', update, [
    'minChannels',
    'maxChannels',
    'maxStreamsPerChannel',
    'queue',
  ]);
  const minChannels = read.integer('minChannels', options.minChannels, { min: 0, max: 1_000 });
  const maxChannels = read.integer('maxChannels', options.maxChannels, { min: 1, max: 1_000 });
  if (minChannels > maxChannels) throw minAboveMax('ChannelPool.update', minChannels, maxChannels);
  return {
    ...options,
    minChannels,
    maxChannels,
    keepsMinChannels: update.minChannels === undefined ? options.keepsMinChannels : minChannels > 0,
    maxStreamsPerChannel:
      update.maxStreamsPerChannel === undefined
        ? options.maxStreamsPerChannel
        : optionalInteger(read, 'maxStreamsPerChannel', update.maxStreamsPerChannel),
    queue: resolveQueueOptions(read.optionalObject('queue'), options.queue),
  };
}

function optionalInteger<Options extends { maxStreamsPerChannel?: number }>(
  read: OptionReader<Options>,
  key: 'maxStreamsPerChannel' & keyof Options,
  value: number | undefined,
): number | undefined {
  return value === undefined ? undefined : read.integer(key, 1, { min: 1, max: 1_000 });
}

/** What grpc-js would pass over in silence. */
function readChannelOptions(read: OptionReader<ChannelPoolOptions>): ChannelOptions {
  const channelOptions = { ...read.optionalObject('channelOptions') };
  for (const key of Object.keys(channelOptions)) {
    if (!(CHANNEL_POOL_OPTION_NAMES as readonly string[]).includes(key)) continue;
    throw new TypeError(
      `ChannelPool: ${key} is an option of the pool and none of grpc-js; take it out of channelOptions and put it beside`,
    );
  }
  return channelOptions;
}

function readPicker(
  read: OptionReader<ChannelPoolOptions>,
  picker: PickerName | Picker | undefined,
): PickerName | Picker {
  if (typeof picker === 'object' && (picker as object | null) !== null && typeof picker.pick === 'function') {
    return picker;
  }
  return read.oneOf('picker', 'least-streams', PICKER_NAMES);
}

function minAboveMax(where: string, minChannels: number, maxChannels: number): RangeError {
  return new RangeError(
    `${where}: minChannels must be a whole number from 0 to maxChannels (${maxChannels}), got ${minChannels}`,
  );
}

function readPolicies(read: OptionReader<ChannelPoolOptions>): readonly ConnectionPolicy[] {
  const policies = read.optionalList('policies');
  if (policies === undefined) return [idleClose()];
  const names = new Set<unknown>();
  for (const policy of policies) {
    const given: unknown = policy;
    if (typeof given !== 'object' || given === null || typeof policy.name !== 'string' || policy.name === '') {
      throw new TypeError(
        `ChannelPool: policies must be objects with a name, as idleClose() makes them, got ${inspect(policy, { depth: 0 })}`,
      );
    }
    for (const method of ['review', 'channelOptions'] as const) {
      const value: unknown = Reflect.get(policy, method);
      if (value === undefined || typeof value === 'function') continue;
      throw new TypeError(
        `ChannelPool: ${method} of the policy ${policy.name} must be a function, got ${inspect(value, { depth: 0 })}`,
      );
    }
    if (names.has(policy.name)) {
      throw new TypeError(`ChannelPool: policies must have names of their own, got '${policy.name}' twice`);
    }
    names.add(policy.name);
  }
  return [...policies];
}
