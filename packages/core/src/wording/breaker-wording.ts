import type { BreakerExplanation } from '../explanation/explanation.js';
import { NUMBER } from './facts-in-words.js';
import type { Wording } from './wording.js';

/** A circuit lets no call through. Ratios have three decimals: {@link roundedRatio}. */
export const BREAKER: Wording<BreakerExplanation> = {
  tells: ['refusedBy', 'breaker'],
  write: ({ key, state, errorRatio, slowRatio, nextProbeMs }) =>
    `Refused before it was sent, breaker: the circuit of ${key} is ${state}, it opened at ${percent(errorRatio)} failed` +
    `${slowRatio === undefined ? '' : ` and ${percent(slowRatio)} slow`} calls; ` +
    (nextProbeMs === undefined ? 'a probe is under way' : `the next probe is due in ${nextProbeMs} ms`),
  pattern: new RegExp(
    `Refused before it was sent, breaker: the circuit of (?<key>[^]*) is (?<state>open|half-open), ` +
      `it opened at (?<failed>${NUMBER}) % failed(?: and (?<slow>${NUMBER}) % slow)? calls; ` +
      `(?:a probe is under way|the next probe is due in (?<next>${NUMBER}) ms)`,
  ),
  read: ({ key = '', state, failed, slow, next }) => ({
    refusedBy: 'breaker',
    breaker: {
      key,
      state: state === 'open' ? 'open' : 'half-open',
      errorRatio: ratioOf(failed),
      ...(slow === undefined ? {} : { slowRatio: ratioOf(slow) }),
      ...(next === undefined ? {} : { nextProbeMs: Number(next) }),
    },
  }),
};

/** Rounds a ratio to the three decimals that {@link BREAKER} tells. */
export function roundedRatio(ratio: number): number {
  return Math.round(ratio * 1_000) / 1_000;
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

function ratioOf(percents: string | undefined): number {
  return roundedRatio(Number(percents) / 100);
}
