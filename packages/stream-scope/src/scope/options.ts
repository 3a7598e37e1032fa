import { inspect } from 'node:util';
import { OptionReader } from '@grpc-manifold/core/internal';

/** How long a stream may live, and how its owner ends it. */
export interface ScopeOptions {
  /**
   * What `await using` does with a stream that has not ended: 'cancel', the default, or 'drain': half-close, then read
   * on and discard, so that the server can end in peace. `using` cancels always: it cannot wait.
   */
  readonly onDispose?: 'cancel' | 'drain';
  /** Milliseconds that a drain may take before the stream is cancelled. 0 or more, or Infinity; default 5,000. */
  readonly drainTimeoutMs?: number;
  /** Messages that a drain discards before the stream is cancelled. 0 or more, or Infinity; default 1,000. */
  readonly maxDrainMessages?: number;
  /** Cancels the stream when it is aborted. One that is aborted already cancels at once. Default none. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds in which no message is sent, comes or is taken, after which the stream is cancelled: longer than
   * whoever reads takes over one. 1 or more; default Infinity.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Milliseconds from scoping on, after which the stream is cancelled whatever it does. 1 or more; default Infinity.
   */
  readonly maxLifetimeMs?: number;
  /** Whether the line that opened the stream is told where open streams are listed. Default 'sampled'. */
  readonly captureStack?: boolean | 'sampled';
}

/** Options as a stream lives by them. */
export interface ResolvedScopeOptions extends Required<Omit<ScopeOptions, 'signal'>> {
  /** Each of them cancels. */
  readonly signals: readonly AbortSignal[];
}

/** The names of the options. */
export const SCOPE_OPTIONS = [
  'onDispose',
  'drainTimeoutMs',
  'maxDrainMessages',
  'signal',
  'idleTimeoutMs',
  'maxLifetimeMs',
  'captureStack',
] as const satisfies readonly (keyof ScopeOptions)[];

/**
 * Checks options and fills in the defaults.
 *
 * @param where what takes them, as the user calls it.
 * @param defaults what is taken where nothing is given. Their signals stay in force beside one that is given.
 * @throws TypeError or RangeError, naming the option, its range and the value.
 */
export function resolveScopeOptions(
  where: string,
  options: ScopeOptions | undefined,
  defaults?: ResolvedScopeOptions,
): ResolvedScopeOptions {
  const reader = new OptionReader<ScopeOptions>(where, options, SCOPE_OPTIONS);
  const signal = readSignal(where, options?.signal);
  const inherited = defaults?.signals ?? [];
  return {
    onDispose: reader.oneOf('onDispose', defaults?.onDispose ?? 'cancel', ['cancel', 'drain']),
    drainTimeoutMs: reader.number('drainTimeoutMs', defaults?.drainTimeoutMs ?? 5_000, { min: 0, unlimited: true }),
    maxDrainMessages: reader.integer('maxDrainMessages', defaults?.maxDrainMessages ?? 1_000, {
      min: 0,
      unlimited: true,
    }),
    idleTimeoutMs: reader.number('idleTimeoutMs', defaults?.idleTimeoutMs ?? Infinity, { min: 1, unlimited: true }),
    maxLifetimeMs: reader.number('maxLifetimeMs', defaults?.maxLifetimeMs ?? Infinity, { min: 1, unlimited: true }),
    captureStack: readCaptureStack(where, options?.captureStack) ?? defaults?.captureStack ?? 'sampled',
    signals: signal === undefined || inherited.includes(signal) ? inherited : [...inherited, signal],
  };
}

/** By its shape: signals come from other realms and from polyfills as well. */
function readSignal(where: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>;
  const isTarget = typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  if (typeof aborted === 'boolean' && isTarget) return value as AbortSignal;
  throw new TypeError(`${where}: signal must be an AbortSignal, got ${inspect(value, { depth: 0 })}`);
}

function readCaptureStack(where: string, value: unknown): boolean | 'sampled' | undefined {
  if (value === undefined || typeof value === 'boolean' || value === 'sampled') return value;
  throw new TypeError(
    `${where}: captureStack must be one of true, false, 'sampled', got ${inspect(value, { depth: 0 })}`,
  );
}
