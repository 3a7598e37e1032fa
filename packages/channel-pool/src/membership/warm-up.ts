import { inspect } from 'node:util';
import type { Event } from '@grpc-manifold/core';
import { OptionReader, watchAbort, type Clock } from '@grpc-manifold/core/internal';
import type { ResolvedChannelPoolOptions } from '../options/options.js';

/** How many connections are opened, and how long they may take. */
export interface WarmUpOptions {
  /** Connections to have ready. 1 to `maxChannels`; default `minChannels`, at least 1. */
  readonly channels?: number;
  /** Milliseconds for all of them. 1 or more, or Infinity; default the pool's `connectTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Gives up waiting when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The pool that is warmed up. */
export interface WarmablePool {
  isClosed(): boolean;
  /** Opens connections; says whether that many are ready. */
  warm(who: object, channels: number): boolean;
  stopWarming(who: object): void;
  lastError(): string | undefined;
}

/** Waits until a pool has that many connections ready. See `ChannelPool.warmUp`. */
export async function warmUp(
  options: WarmUpOptions | undefined,
  poolOptions: ResolvedChannelPoolOptions,
  clock: Clock,
  onChange: Event<unknown>,
  pool: WarmablePool,
): Promise<void> {
  const { minChannels, maxChannels, connectTimeoutMs } = poolOptions;
  const read = new OptionReader('warmUp', options, ['channels', 'timeoutMs', 'signal']);
  const channels = read.integer('channels', Math.max(1, minChannels), { min: 1, max: maxChannels });
  const timeoutMs = read.number('timeoutMs', connectTimeoutMs, { min: 1, unlimited: true });
  const signal = read.optionalObject('signal');
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`warmUp: signal must be an AbortSignal, got ${inspect(signal)}`);
  }
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error): void => {
      subscription[Symbol.dispose]();
      if (timer !== undefined) clock.clearTimer(timer);
      stopWatching?.();
      pool.stopWarming(look);
      if (error === undefined) resolve();
      else reject(error);
    };
    const look = (): void => {
      if (pool.isClosed()) settle(new Error('warmUp: the pool is closed'));
      else if (pool.warm(look, channels)) settle();
    };
    const subscription = onChange(look);
    const timer =
      timeoutMs === Infinity
        ? undefined
        : clock.setTimer(() => {
            const why = pool.lastError();
            const because = why === undefined ? '' : `; the last connection error: ${why}`;
            settle(new Error(`warmUp: ${channels} connections were not ready within ${timeoutMs} ms${because}`));
          }, timeoutMs);
    // Somebody waits for it.
    timer?.ref();
    const stopWatching = signal === undefined ? undefined : watchAbort(signal, () => settle());
    look();
  });
  // Whatever the reason is, an Error or not.
  signal?.throwIfAborted();
}
