import { caseLines } from '../case-lines.js';
import { cellGoal } from '../cell-goal.js';
import { processScenario } from '../process-scenario.js';
import {
  findCell,
  type Cell,
  type Goal,
  type Line,
  type Measurement,
  type Plot,
  type Results,
  type Scenario,
} from '../scenario.js';
import type { OverloadReport, OverloadStep } from '../overload/overload-report.js';
import { overloadServer, type Overload, type Overloaded, type Pace } from '../overload/overload-server.js';
import { settledAfterS } from '../overload/recovery.js';

const CAPACITY = 2_000;
const DEADLINE_MS = 250;
const STRETCH_MS = 10_000;
const CHANGING = 'capacity 2,000, 500, 2,000';
/** Those that the goals are about. */
const JUDGED = ['gradient', 'pooled gradient'];

const CASES: Readonly<Record<string, Pick<Overload, 'callsPerSecond' | 'paces'>>> = {
  '3,000 offered': { callsPerSecond: 3_000, paces: [{ fromMs: 0, callsPerSecond: CAPACITY }] },
  '6,000 offered': { callsPerSecond: 6_000, paces: [{ fromMs: 0, callsPerSecond: CAPACITY }] },
  [CHANGING]: {
    callsPerSecond: 3_000,
    paces: [CAPACITY, 500, CAPACITY].map((callsPerSecond, index) => ({ fromMs: index * STRETCH_MS, callsPerSecond })),
  },
};

/** What is left of a server's work when it is offered more than it can do. */
export const overload: Scenario = {
  name: 'overload',
  work: 'a server that does 2,000 calls/s one after the other is offered more, with a 250 ms deadline: 10 s at 3,000/s and 6,000/s; 30 s at 3,000/s while it does 2,000, 500 and again 2,000',
  metrics: [
    { key: 'offeredPerSecond', title: 'offered/s', digits: 0 },
    { key: 'goodputPerSecond', title: 'OK in time/s', digits: 0 },
    { key: 'okP50Ms', title: 'OK p50 ms', digits: 1 },
    { key: 'okP99Ms', title: 'OK p99 ms', digits: 1 },
    { key: 'shedPerSecond', title: 'shed/s', digits: 0 },
    { key: 'shedSettleP99Ms', title: 'shed p99 ms, less its wait', digits: 2 },
    { key: 'shedTotalP99Ms', title: 'shed p99 ms, with its wait', digits: 2 },
    { key: 'lateness', title: 'sent in vain/s', digits: 0 },
    { key: 'serverDepth', title: 'server queue (mean)', digits: 0 },
    { key: 'serverDepthMax', title: 'server queue (most)', digits: 0 },
    { key: 'limit', title: 'limit (mean)', digits: 0 },
    { key: 'settledDownS', title: 's to settle at 500/s', digits: 2 },
    { key: 'settledUpS', title: 's to settle at 2,000/s', digits: 2 },
    { key: 'loopDelayP99Ms', title: 'event loop delay p99 ms', digits: 2 },
    { key: 'cpuRatio', title: 'CPU of the client', digits: 2 },
  ],
  baseline: 'raw',
  variants: ['raw', 'gradient', 'pooled gradient', 'vegas', 'aimd', 'fixed 20', 'fixed 500'],
  cases: Object.keys(CASES),
  rounds: { measured: 1, warmUp: 0 },
  fixedRounds: true,

  open(variants, { quick }) {
    const measure = async (variant: string, caseName: string): Promise<Measurement> => {
      const { callsPerSecond, paces } = CASES[caseName] as (typeof CASES)[string];
      const stretchMs = quick ? 2_000 : STRETCH_MS;
      const shown = paces.map((pace, index) => ({ ...pace, fromMs: index * stretchMs }));
      const overloaded = await overloadServer({
        variant,
        callsPerSecond,
        deadlineMs: DEADLINE_MS,
        requestBytes: 100,
        warmUpMs: quick ? 1_000 : 4_000,
        measureMs: paces.length * stretchMs,
        paces: shown,
      });
      return toMeasurement(overloaded, shown, stretchMs);
    };
    return processScenario(variants, measure);
  },

  goals: (results) =>
    JUDGED.flatMap((variant) =>
      Object.keys(CASES).flatMap((caseName) => goalsOf(variant, caseName, findCell(results, variant, caseName))),
    ),

  plots: (results) => Object.keys(CASES).flatMap((caseName) => plotsOf(results, caseName)),
};

function toMeasurement({ report, depths }: Overloaded, paces: readonly Pace[], stretchMs: number): Measurement {
  const { steps, ended, ...figures } = report;
  const limits = steps.flatMap(({ limit }) => (limit === undefined ? [] : [limit]));
  const [down, up] = paces.slice(1).map(({ fromMs, callsPerSecond }) => {
    const stretch = { fromS: fromMs / 1_000, toS: (fromMs + stretchMs) / 1_000, capacity: callsPerSecond };
    return settledAfterS(steps, stretch);
  });
  return {
    sample: given({
      ...figures,
      lateness: lateCalls(report) / (stretchMs / 1_000) / paces.length,
      serverDepth: mean(depths.map(([, depth]) => depth)),
      serverDepthMax: Math.max(...depths.map(([, depth]) => depth)),
      limit: limits.length === 0 ? undefined : mean(limits),
      settledDownS: down,
      settledUpS: up,
    }),
    lines: {
      goodput: steps.map(({ s, goodput }) => [s, goodput] as const),
      ...lineOf(steps, 'limit'),
      ...lineOf(steps, 'inFlight'),
      ...lineOf(steps, 'queued'),
      serverQueue: depths,
      capacity: paces.flatMap(({ fromMs, callsPerSecond }) => [
        [fromMs / 1_000, callsPerSecond] as const,
        [(fromMs + stretchMs) / 1_000, callsPerSecond] as const,
      ]),
    },
    note: Object.entries(ended)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  };
}

/** Calls that the server worked on and nobody waited for. */
function lateCalls({ ended }: OverloadReport): number {
  return ended['DEADLINE_EXCEEDED'] ?? 0;
}

function given(values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function lineOf(
  steps: readonly OverloadStep[],
  key: 'limit' | 'inFlight' | 'queued',
): Record<string, readonly (readonly [number, number])[]> {
  const points = steps.flatMap(({ s, [key]: value }) => (value === undefined ? [] : [[s, value] as const]));
  return points.length === 0 ? {} : { [key]: points };
}

function goalsOf(variant: string, caseName: string, cell: Cell | undefined): Goal[] {
  const goal = cellGoal(`${variant}, ${caseName}`, cell);
  const shed = goal('calls that are shed end within 5 ms (p99)', 'shedSettleP99Ms', 'ms', (ms) => ms < 5);
  if (caseName === CHANGING) {
    return [
      goal('within 15 % of 500/s inside 5 s', 'settledDownS', 's', (s) => s < 5),
      goal('within 15 % of 2,000/s inside 5 s', 'settledUpS', 's', (s) => s < 5),
      shed,
    ];
  }
  return [
    goal('at least 1,900 calls/s end OK in time', 'goodputPerSecond', 'calls/s', (rate) => rate >= 1_900),
    goal('those take less than the deadline (p99)', 'okP99Ms', 'ms', (ms) => ms < DEADLINE_MS),
    shed,
  ];
}

function plotsOf(results: Results, caseName: string): Plot[] {
  const linesOf = (key: string): Line[] => caseLines(results, caseName, key).filter(({ points }) => points.length > 0);
  const plot = (title: string, y: string, key: string): Plot => ({
    title: `${title}: ${caseName}`,
    x: { title: 'seconds' },
    y: { title: y },
    lines: linesOf(key),
  });
  const answers = plot('Answers in time', 'OK within 250 ms, a second', 'goodput');
  // The same for all.
  const [capacity] = linesOf('capacity');
  return [
    { ...answers, lines: [...(capacity === undefined ? [] : [{ ...capacity, label: 'capacity' }]), ...answers.lines] },
    plot('The limit', 'calls', 'limit'),
    plot('Calls in the server’s line', 'calls', 'serverQueue'),
  ];
}
