import { OptionReader } from '@grpc-manifold/core/internal';
import { resolveScopeOptions, SCOPE_OPTIONS, type ResolvedScopeOptions, type ScopeOptions } from '../scope/options.js';

/** How a group of streams lives. What it says of a stream is the default for each that is added. */
export interface StreamScopeOptions extends ScopeOptions {
  /** Streams that may be open at one time; those of nested scopes are counted by these. 1 or more; default Infinity. */
  readonly maxOpenStreams?: number;
}

/** Options as a group lives by them. */
export interface ResolvedStreamScopeOptions {
  readonly maxOpenStreams: number;
  readonly members: ResolvedScopeOptions;
}

/**
 * Checks options and fills in the defaults. @throws TypeError or RangeError, naming the option, its range and the
 * value.
 */
export function resolveStreamScopeOptions(options: StreamScopeOptions | undefined): ResolvedStreamScopeOptions {
  // Checks that it is an object, and every name.
  new OptionReader<StreamScopeOptions>('StreamScope', options, ['maxOpenStreams', ...SCOPE_OPTIONS]);
  const { maxOpenStreams, ...members } = options ?? {};
  const own: Pick<StreamScopeOptions, 'maxOpenStreams'> = maxOpenStreams === undefined ? {} : { maxOpenStreams };
  return {
    maxOpenStreams: new OptionReader('StreamScope', own, ['maxOpenStreams']).integer('maxOpenStreams', Infinity, {
      min: 1,
      unlimited: true,
    }),
    members: resolveScopeOptions('StreamScope', members),
  };
}
