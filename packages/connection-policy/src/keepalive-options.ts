import { MAX_TIMER_MS, OptionReader } from '@grpc-manifold/core/internal';
import {
  KEEPALIVE_PRESET_NAMES,
  KEEPALIVE_PRESETS,
  type KeepalivePreset,
  type KeepaliveTimes,
} from './keepalive-preset.js';

/** No client pings more often than this (gRFC A8, KEEPALIVE_TIME). */
export const MIN_TIME_MS = 10_000;

/** Options of `keepalive`. */
export interface KeepaliveOptions {
  /**
   * What the three values below are unless they are given: one of {@link KEEPALIVE_PRESETS}. Default 'server-default'.
   */
  readonly preset?: KeepalivePreset;
  /**
   * Milliseconds of silence after which a connection with calls is sent a PING. 10,000 to 2,147,483,647; default
   * 300,000, or the preset's. More often than the server permits costs the connection.
   */
  readonly timeMs?: number;
  /** Milliseconds for the answer; without one the connection is given up. 1 to 2,147,483,647; default 20,000. */
  readonly timeoutMs?: number;
  /** Whether connections without calls are sent PINGs too. The server must permit that. Default false. */
  readonly withoutCalls?: boolean;
  /** Whether `timeMs` may be less than 10,000, for tests against a server of one's own. Default 'refuse'. */
  readonly belowMinimum?: 'refuse' | 'allow';
}

/**
 * Fills in what the preset says and checks every value.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveKeepaliveOptions(options: KeepaliveOptions | undefined): KeepaliveTimes {
  const read = new OptionReader('keepalive', options, [
    'preset',
    'timeMs',
    'timeoutMs',
    'withoutCalls',
    'belowMinimum',
  ]);
  const preset = KEEPALIVE_PRESETS[read.oneOf('preset', 'server-default', KEEPALIVE_PRESET_NAMES)];
  const belowMinimum = read.oneOf('belowMinimum', 'refuse', ['refuse', 'allow']);
  const timeMs = options?.timeMs;
  if (belowMinimum === 'refuse' && typeof timeMs === 'number' && timeMs < MIN_TIME_MS) {
    throw new RangeError(
      `keepalive: timeMs must be a number from ${MIN_TIME_MS} to ${MAX_TIMER_MS} (gRFC A8), ` +
        `or less with belowMinimum: 'allow', for tests, got ${timeMs}`,
    );
  }
  const minTimeMs = belowMinimum === 'refuse' ? MIN_TIME_MS : 1;
  return {
    timeMs: read.number('timeMs', preset.timeMs, { min: minTimeMs, max: MAX_TIMER_MS }),
    timeoutMs: read.number('timeoutMs', preset.timeoutMs, { min: 1, max: MAX_TIMER_MS }),
    withoutCalls: read.boolean('withoutCalls', preset.withoutCalls),
  };
}
