import { inspect } from 'node:util';

/** Where a circuit is. Closed lets calls through, open refuses them, half-open lets one through at a time. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** What is to be known of one circuit. */
export interface BreakerState {
  readonly state: CircuitState;
  /** Ended calls that count: those of the window or, once it has opened, those on which it opened. */
  readonly calls: number;
  /** How many of them failed. */
  readonly failures: number;
  /** Share of them that failed, 0 to 1; 0 when there are none. */
  readonly errorRatio: number;
  /** Share of slow calls, 0 to 1, where `slowCallMs` is given. */
  readonly slowRatio?: number;
  /** When it opened last, in epoch milliseconds; only while it is not closed. */
  readonly openedAt?: number;
  /** From when on a call is let through to probe, in epoch milliseconds; only while it is open. */
  readonly nextProbeAt?: number;
}

/** The circuits of a breaker by their keys: plain data, to be kept as JSON and given back as `restore`. */
export type BreakerStates = Readonly<Record<string, BreakerState>>;

const STATES: readonly unknown[] = ['closed', 'open', 'half-open'] satisfies CircuitState[];
const RATIOS = ['errorRatio', 'slowRatio'] as const;
const AMOUNTS = ['calls', 'failures', 'openedAt', 'nextProbeAt'] as const;
const OPTIONAL: readonly string[] = ['slowRatio', 'openedAt', 'nextProbeAt'];

/**
 * Checks states that come from outside. What else is in them is left alone: a newer version may have written them.
 *
 * @throws TypeError naming the key, the field and the value.
 */
export function checkStates(where: string, states: BreakerStates): BreakerStates {
  for (const [key, given] of Object.entries(states) as [string, unknown][]) {
    const fail = (field: string, must: string, value: unknown): never => {
      throw new TypeError(
        `${where}[${inspect(key)}]${field} must be ${must}, got ${inspect(value, { depth: 0, breakLength: Infinity })}`,
      );
    };
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      return fail('', 'an object, as states() gives it', given);
    }
    const state = given as Record<string, unknown>;
    if (!STATES.includes(state['state'])) fail('.state', "'closed', 'open' or 'half-open'", state['state']);
    const isNumber = (field: string, value: unknown, max: number): boolean =>
      (value === undefined && OPTIONAL.includes(field)) ||
      (typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= max);
    for (const field of RATIOS) {
      if (!isNumber(field, state[field], 1)) fail(`.${field}`, 'a number from 0 to 1', state[field]);
    }
    for (const field of AMOUNTS) {
      if (!isNumber(field, state[field], Infinity)) fail(`.${field}`, 'a number of at least 0', state[field]);
    }
    if (state['state'] === 'open' && state['nextProbeAt'] === undefined) {
      fail('.nextProbeAt', 'given for what is open', undefined);
    }
  }
  return states;
}
