import type { TransportFault } from '@grpc-manifold/core';
import { FAULTS_IN_A_ROW, TRIAL_MS, type Ejection, type Vitals } from '../member/vitals.js';

/** Connections that must have been measured for one of them to be slow (Bigtable's: 3). */
const COHORT = 3;
/** How many times as slow as the others are in the median, and by how many milliseconds at the least. */
const SLOW_RATIO = 3;
const SLOW_BY_MS = 20;
/** Answers in a row that must have been slow: a mix of slow and quick calls makes no slow connection. */
const SLOW_IN_A_ROW = 20;
/** Milliseconds for which they must have come: what is begun at once is answered in turn, and somebody is last. */
export const SLOW_FOR_MS = 1_000;
/** Milliseconds for which a measurement tells how slow the others are. */
const RECENT_MS = 10_000;
/** Milliseconds of silence after which a connection is asked for a sign of life. */
export const ASK_SILENT_AFTER_MS = 250;
/** Milliseconds that it then has, at the least. */
export const SILENT_MS = 1_000;
/** The same where it cannot be asked, and the deadlines that must have passed in that time. */
const UNASKED_SILENT_MS = 5_000;
const MISSED_IN_A_ROW = 5;
/** Milliseconds of the first ejection, by which each next one in a row is longer, and of the longest. */
export const EJECTION_MS = 5_000;
const LONGEST_EJECTION_MS = 300_000;
/** Milliseconds after coming back within which the next ejection counts as one more in a row. */
const IN_A_ROW_MS = 60_000;

/** What is to be done with a connection. */
export type Decision =
  /** It gets no calls for a while. */
  | { readonly kind: 'eject'; readonly vitals: Vitals; readonly ejection: Ejection; readonly timesInARow: number }
  /** It gets calls again. */
  | { readonly kind: 'readmit'; readonly vitals: Vitals }
  /** It is asked for a sign of life. */
  | { readonly kind: 'ask'; readonly vitals: Vitals };

/** What a look at all connections has come to. */
export interface Judgement {
  readonly decisions: readonly Decision[];
  /** Milliseconds above which an answer counts as slow from now on, for each connection in the order given. */
  readonly slowAboveMs: readonly number[];
}

/**
 * True when so many are ejected that it cannot be the connections: all are used then (Envoy's panic threshold: 50 %).
 */
export function isPanic(ejected: number, connections: number): boolean {
  return ejected * 2 > connections;
}

/**
 * Decides which connections of a pool get no calls. Changes nothing.
 *
 * @param connections all that are ready or ejected.
 * @param measuresLatency false where calls are not spread alike, so that slow calls make no slow connection.
 */
export function judge(connections: readonly Vitals[], nowMs: number, measuresLatency: boolean): Judgement {
  const isMeasured = ({ ejection, answeredAtMs }: Vitals): boolean =>
    ejection === undefined && nowMs - answeredAtMs <= RECENT_MS;
  const cohort = connections.filter(isMeasured);
  const sorted = cohort.flatMap(({ ewmaMs }) => ewmaMs ?? []).sort((one, other) => one - other);
  const decisions: Decision[] = [];
  const slowAboveMs: number[] = [];
  for (const vitals of connections) {
    const own = isMeasured(vitals) ? vitals.ewmaMs : undefined;
    const othersMs = medianWithout(sorted, own) ?? 0;
    const others = sorted.length - (own === undefined ? 0 : 1);
    const isKnown = measuresLatency && others >= COHORT - 1;
    const slowMs = isKnown ? Math.max(othersMs * SLOW_RATIO, othersMs + SLOW_BY_MS) : Infinity;
    slowAboveMs.push(slowMs);
    const silentAboveMs = Math.max(SILENT_MS, othersMs * SLOW_RATIO);
    const decision = judgeSilence(vitals, silentAboveMs, nowMs) ?? judgeCalls(vitals, slowMs, nowMs);
    if (decision !== undefined) decisions.push(decision);
  }
  const slowest = measuresLatency ? slowestOf(cohort) : undefined;
  // It may be ejected for its faults already.
  if (slowest !== undefined && !decisions.some(({ kind, vitals }) => kind === 'eject' && vitals === slowest)) {
    const slowMs = slowAboveMs[connections.indexOf(slowest)] ?? Infinity;
    if (isSlow(slowest, slowMs)) {
      const took = `its answers take ${Math.round(slowest.ewmaMs ?? 0)} ms`;
      const words = `${took}, where by those of the others ${Math.round(slowMs)} ms are slow`;
      decisions.push(eject(slowest, nowMs, words, { isForLatency: true }));
    }
  }
  return { decisions, slowAboveMs };
}

/** True when an ejected connection may be tried by one call. */
export function isTrialDue({ ejection, asking }: Vitals, nowMs: number): boolean {
  if (ejection === undefined || nowMs < ejection.untilMs || asking === 'asked') return false;
  return ejection.trialAtMs < 0 || nowMs - ejection.trialAtMs > TRIAL_MS;
}

function judgeSilence(vitals: Vitals, silentAboveMs: number, nowMs: number): Decision | undefined {
  const { silentMs, askedMs, asking, ejection } = vitals;
  if (asking === 'no' && silentMs >= ASK_SILENT_AFTER_MS) return { kind: 'ask', vitals };
  const isSilent =
    asking === 'cannot'
      ? silentMs >= Math.max(silentAboveMs, UNASKED_SILENT_MS) && vitals.missedInARow >= MISSED_IN_A_ROW
      : askedMs >= silentAboveMs;
  if (!isSilent || ejection !== undefined) return undefined;
  return eject(vitals, nowMs, `nothing was heard of it for ${Math.round(silentMs)} ms while calls waited`);
}

function judgeCalls(vitals: Vitals, slowAboveMs: number, nowMs: number): Decision | undefined {
  const { ejection, lastFault } = vitals;
  if (ejection !== undefined) {
    const outcome = ejection.outcome ?? outcomeInTime(vitals, ejection, slowAboveMs, nowMs);
    if (outcome === 'answered') return { kind: 'readmit', vitals };
    return outcome === 'failed' ? eject(vitals, nowMs, ejection.reason, ejection) : undefined;
  }
  if (vitals.faultsInARow < FAULTS_IN_A_ROW || lastFault === undefined) return undefined;
  const words = `${vitals.faultsInARow} calls in a row failed on it, the last by: ${lastFault.detail}`;
  return eject(vitals, nowMs, words, { isForLatency: false, fault: lastFault });
}

/**
 * The call that tries a connection may be answered late or never by its nature, as a subscription is. It counts as
 * answered when its stream was not broken and the connection gives signs of life, unless the answers of other
 * connections tell how long an answer takes.
 */
function outcomeInTime(vitals: Vitals, ejection: Ejection, slowAboveMs: number, nowMs: number): Ejection['outcome'] {
  const triedMs = ejection.trialAtMs < 0 ? 0 : nowMs - ejection.trialAtMs;
  if (triedMs <= TRIAL_MS || vitals.asking !== 'no' || vitals.silentMs >= ASK_SILENT_AFTER_MS) return undefined;
  return ejection.isForLatency && triedMs > slowAboveMs ? 'failed' : 'answered';
}

function eject(
  vitals: Vitals,
  nowMs: number,
  reason: string,
  why: { readonly isForLatency: boolean; readonly fault?: TransportFault } = { isForLatency: false },
): Decision {
  const isAgain = vitals.ejection !== undefined || nowMs - vitals.backAtMs < IN_A_ROW_MS;
  const timesInARow = isAgain ? vitals.timesInARow + 1 : 1;
  const { isForLatency, fault } = why;
  const ejection: Ejection = {
    reason,
    isForLatency,
    ...(fault === undefined ? {} : { fault }),
    untilMs: nowMs + Math.min(EJECTION_MS * timesInARow, LONGEST_EJECTION_MS),
    trialAtMs: -1,
    outcome: undefined,
  };
  return { kind: 'eject', vitals, ejection, timesInARow };
}

function isSlow({ ewmaMs, slowInARow, slowForMs }: Vitals, slowAboveMs: number): boolean {
  return (ewmaMs ?? 0) > slowAboveMs && slowInARow >= SLOW_IN_A_ROW && slowForMs >= SLOW_FOR_MS;
}

function slowestOf(cohort: readonly Vitals[]): Vitals | undefined {
  return cohort.reduce<Vitals | undefined>(
    (worst, each) => ((each.ewmaMs ?? 0) > (worst?.ewmaMs ?? 0) ? each : worst),
    undefined,
  );
}

/** The median of a sorted list without one of its values, where that is given. */
function medianWithout(sorted: readonly number[], without: number | undefined): number | undefined {
  const gap = without === undefined ? sorted.length : sorted.indexOf(without);
  const length = without === undefined ? sorted.length : sorted.length - 1;
  const at = (index: number): number => sorted[index < gap ? index : index + 1] as number;
  return length === 0 ? undefined : (at(length >> 1) + at((length - 1) >> 1)) / 2;
}
