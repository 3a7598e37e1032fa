import type { StatusObject } from '@grpc/grpc-js';
import type { CallInfo } from '@grpc-manifold/core';
import { OptionReader } from '@grpc-manifold/core/internal';
import { checkStates, type BreakerStates } from './states.js';
import { isFailureByDefault } from './call-judgement.js';

/** Shapes a circuit breaker: what it counts together, when it opens, and how it finds back. */
export interface CircuitBreakerOptions {
  /** What calls are counted under: each key has a circuit of its own. Default: the method path. */
  readonly key?: (call: CallInfo) => string;
  /**
   * Share of failed calls in the window from which on a circuit opens: 0.01 to 1. Default 0.5, as of Hystrix and
   * opossum.
   */
  readonly errorThresholdRatio?: number;
  /**
   * Calls that must have ended within the window before a circuit opens: a whole number from 1 to 1,000,000. Default
   * 20, as of Hystrix.
   */
  readonly volumeThreshold?: number;
  /** How long an ended call counts, in milliseconds: 100 to 86,400,000, in steps of a tenth. Default 10,000. */
  readonly windowMs?: number;
  /**
   * Milliseconds for which an open circuit refuses every call before it lets one through to probe: 1 to 86,400,000.
   * Default 30,000, as an ejection lasts in gRFC A50 and Envoy.
   */
  readonly resetTimeoutMs?: number;
  /**
   * Milliseconds after which a probe without an answer has failed: 1 to 86,400,000. Default 10,000. The call itself
   * goes on. More than a call may take to its first answer when all is well.
   */
  readonly probeTimeoutMs?: number;
  /**
   * Milliseconds to its first answer (headers or status) beyond which a call is slow: 1 or more. Default Infinity: none
   * is.
   */
  readonly slowCallMs?: number;
  /**
   * Share of slow calls in the window from which on a circuit opens: 0.01 to 1. Default 0.5: a slow call weighs as a
   * failed one.
   */
  readonly slowCallRatio?: number;
  /**
   * Whether a call has failed, by its status; asked of OK as well, and never of what tells nothing of the server:
   * cancelled calls, and those that one of our layers refused or never sent. Default: UNAVAILABLE, DEADLINE_EXCEEDED,
   * INTERNAL, UNKNOWN, DATA_LOSS have.
   */
  readonly isFailure?: (status: StatusObject) => boolean;
  /**
   * Keys that are told apart: a whole number from 1 to 100,000. Default 1,000. Beyond that the closed circuit that was
   * not asked for longest is forgotten; when none is closed, calls of a new key go out unjudged.
   */
  readonly maxKeys?: number;
  /**
   * What `states()` gave before, as of the process that ran before this one: what was open is so for the rest of its
   * time.
   */
  readonly restore?: BreakerStates;
}

/** {@link CircuitBreakerOptions} with every default filled in. */
export interface ResolvedCircuitBreakerOptions extends Required<Omit<CircuitBreakerOptions, 'key' | 'restore'>> {
  /** Undefined for the method path. */
  readonly key: ((call: CallInfo) => string) | undefined;
  readonly restore: BreakerStates;
}

const WHERE = 'circuitBreaker';
const DAY_MS = 86_400_000;
const KNOWN = [
  'key',
  'errorThresholdRatio',
  'volumeThreshold',
  'windowMs',
  'resetTimeoutMs',
  'probeTimeoutMs',
  'slowCallMs',
  'slowCallRatio',
  'isFailure',
  'maxKeys',
  'restore',
] as const;

/**
 * Fills in the defaults and checks every value.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveCircuitBreakerOptions(
  options: CircuitBreakerOptions | undefined,
): ResolvedCircuitBreakerOptions {
  const read = new OptionReader<CircuitBreakerOptions>(WHERE, options, KNOWN);
  return {
    key: read.optionalFunction('key'),
    errorThresholdRatio: read.number('errorThresholdRatio', 0.5, { min: 0.01, max: 1 }),
    volumeThreshold: read.integer('volumeThreshold', 20, { min: 1, max: 1_000_000 }),
    windowMs: read.integer('windowMs', 10_000, { min: 100, max: DAY_MS }),
    resetTimeoutMs: read.integer('resetTimeoutMs', 30_000, { min: 1, max: DAY_MS }),
    probeTimeoutMs: read.integer('probeTimeoutMs', 10_000, { min: 1, max: DAY_MS }),
    slowCallMs: read.number('slowCallMs', Infinity, { min: 1, unlimited: true }),
    slowCallRatio: read.number('slowCallRatio', 0.5, { min: 0.01, max: 1 }),
    isFailure: read.optionalFunction('isFailure') ?? isFailureByDefault,
    maxKeys: read.integer('maxKeys', 1_000, { min: 1, max: 100_000 }),
    restore: checkStates(`${WHERE}: restore`, read.optionalObject('restore') ?? {}),
  };
}
