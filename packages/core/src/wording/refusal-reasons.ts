import { status } from '@grpc/grpc-js';
import type { BreakerExplanation, RefusedBy } from '../explanation/explanation.js';
import { NUMBER } from './facts-in-words.js';
import { freeText, type Wording } from './wording.js';

/** A reason to refuse a call before any byte of it is sent: the status code, and the text after the reason's name. */
interface RefusalReason<Said> extends Omit<Wording<Said>, 'pattern'> {
  readonly code: status;
  /** The source of a regular expression that matches the text of `write`. */
  readonly pattern: string;
}

const reason = <Said>(entry: RefusalReason<Said>): RefusalReason<Said> => entry;

/**
 * All reasons to refuse a call. To add a reason, add an entry here and a name in {@link RefusedBy}: `refusal` then
 * creates its status and `explain` parses it. No layer refuses a call by 'limit'.
 */
export const REFUSAL_REASONS = {
  /** The queue holds `maxQueuedCalls` calls. */
  'queue-full': reason<{ readonly queuedCalls: number; readonly limit: number }>({
    code: status.RESOURCE_EXHAUSTED,
    tells: ['limit'],
    write: ({ queuedCalls, limit }) => `${queuedCalls} calls wait (maxQueuedCalls ${limit})`,
    pattern: `${NUMBER} calls wait \\(maxQueuedCalls (?<limit>${NUMBER})\\)`,
    read: ({ limit }) => ({ limit: Number(limit), queueWaitMs: 0 }),
  }),

  /** The queue holds `maxQueuedBytes` bytes. */
  'queue-bytes': reason<{ readonly queuedBytes: number; readonly limit: number }>({
    code: status.RESOURCE_EXHAUSTED,
    tells: ['limit'],
    write: ({ queuedBytes, limit }) => `${queuedBytes} bytes wait (maxQueuedBytes ${limit})`,
    pattern: `${NUMBER} bytes wait \\(maxQueuedBytes (?<limit>${NUMBER})\\)`,
    read: ({ limit }) => ({ limit: Number(limit), queueWaitMs: 0 }),
  }),

  /** The call has waited for `maxQueueTimeMs`. */
  'queue-time': reason<{ readonly waitedMs: number; readonly limit: number }>({
    code: status.RESOURCE_EXHAUSTED,
    tells: ['limit', 'queueWaitMs'],
    write: ({ waitedMs, limit }) => `waited ${waitedMs} ms (maxQueueTimeMs ${limit})`,
    pattern: `waited (?<waited>${NUMBER}) ms \\(maxQueueTimeMs (?<limit>${NUMBER})\\)`,
    read: ({ waited, limit }) => ({ limit: Number(limit), queueWaitMs: Number(waited) }),
  }),

  /** The partition of the call uses its whole share of the queue. */
  share: reason<{
    readonly key: string;
    readonly queuedCalls: number;
    readonly inFlightCalls: number;
    readonly maxQueuedCalls: number;
    readonly limit: number;
  }>({
    code: status.RESOURCE_EXHAUSTED,
    tells: ['limit'],
    write: ({ key, queuedCalls, inFlightCalls, maxQueuedCalls, limit }) =>
      `${queuedCalls} calls of partition '${shortened(key)}' wait and ` +
      `${inFlightCalls} are in flight, its share of maxQueuedCalls ${maxQueuedCalls} is ${limit}`,
    pattern:
      `${NUMBER} calls of partition '[^]*' wait and ` +
      `${NUMBER} are in flight, its share of maxQueuedCalls ${NUMBER} is (?<limit>${NUMBER})`,
    read: ({ limit }) => ({ limit: Number(limit), queueWaitMs: 0 }),
  }),

  /** The call would be admitted or answered after its deadline. */
  'early-drop': reason<{ readonly expectedMs: number; readonly remainingMs: number }>({
    code: status.RESOURCE_EXHAUSTED,
    tells: ['limit'],
    write: ({ expectedMs, remainingMs }) =>
      `it would wait ${expectedMs} ms and has ${remainingMs} ms until its deadline`,
    pattern: `it would wait ${NUMBER} ms and has (?<limit>${NUMBER}) ms until its deadline`,
    read: ({ limit }) => ({ limit: Number(limit), queueWaitMs: 0 }),
  }),

  /** The circuit of the call is open. Ratios have three decimals: {@link roundedRatio}. */
  breaker: reason<BreakerExplanation>({
    code: status.UNAVAILABLE,
    tells: ['breaker'],
    write: ({ key, state, errorRatio, slowRatio, nextProbeMs }) =>
      `the circuit of ${key} is ${state}, it opened at ${percent(errorRatio)} failed` +
      `${slowRatio === undefined ? '' : ` and ${percent(slowRatio)} slow`} calls; ` +
      (nextProbeMs === undefined ? 'a probe is under way' : `the next probe is due in ${nextProbeMs} ms`),
    pattern:
      `the circuit of (?<key>[^]*) is (?<state>open|half-open), ` +
      `it opened at (?<failed>${NUMBER}) % failed(?: and (?<slow>${NUMBER}) % slow)? calls; ` +
      `(?:a probe is under way|the next probe is due in (?<next>${NUMBER}) ms)`,
    read: ({ key = '', state, failed, slow, next }) => ({
      breaker: {
        key,
        state: state === 'open' ? 'open' : 'half-open',
        errorRatio: ratioOf(failed),
        ...(slow === undefined ? {} : { slowRatio: ratioOf(slow) }),
        ...(next === undefined ? {} : { nextProbeMs: Number(next) }),
      },
    }),
  }),

  /** The pool, the client or the queue is closed. */
  closed: reason<{ readonly reason: string }>({
    code: status.UNAVAILABLE,
    tells: [],
    write: (said) => freeText(said.reason),
    pattern: '',
    read: () => ({ queueWaitMs: 0 }),
  }),

  /** All connections have failed. */
  'no-connection': reason<{ readonly target: string; readonly error: string }>({
    code: status.UNAVAILABLE,
    tells: ['lastConnectionError'],
    write: ({ target, error }) => `no connection to ${freeText(target)}: ${freeText(error)}`,
    pattern: 'no connection to ',
    read: (_groups, free) => ({ queueWaitMs: 0, lastConnectionError: free.replace(/^\S*: /, '') }),
  }),
} satisfies Readonly<Record<Exclude<RefusedBy, 'limit'>, RefusalReason<never>>>;

/** Rounds a ratio to three decimals, as the refusal of a circuit breaker shows it. */
export function roundedRatio(ratio: number): number {
  return Math.round(ratio * 1_000) / 1_000;
}

/** The number of characters of a partition key that are shown: the key may come from a remote caller. */
const MOST_KEY = 64;

function shortened(key: string): string {
  return key.length > MOST_KEY ? `${key.slice(0, MOST_KEY - 1)}…` : key;
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

function ratioOf(percents: string | undefined): number {
  return roundedRatio(Number(percents) / 100);
}
