import { linearRegression } from 'simple-statistics';
import { caseLines } from '../case-lines.js';
import { cellGoal } from '../cell-goal.js';
import { processScenario } from '../process-scenario.js';
import { findCell, type Cell, type Goal, type Measurement, type Scenario } from '../scenario.js';
import type { MemoryPoint, StallReport } from '../stall/stall-report.js';
import { stallServer, type Stall } from '../stall/stall-server.js';

const SETTLED_AFTER_S = 5;

const CASES: Readonly<Record<string, Pick<Stall, 'deadlineMs' | 'maxConcurrentStreams'>>> = {
  'no deadline': { maxConcurrentStreams: 100 },
  'deadline 1 s': { maxConcurrentStreams: 100, deadlineMs: 1_000 },
  'deadline 250 ms': { maxConcurrentStreams: 100, deadlineMs: 250 },
  'no deadline, no stream limit': {},
};

/** What a client holds on to while its server reads nothing. */
export const stalledServer: Scenario = {
  name: 'stalled-server',
  work: 'the server stops reading under 5,000 calls/s of 4 KB for 30 s (raw: 12 s, or until it has grown by 1.5 GB) and goes on; MAX_CONCURRENT_STREAMS 100 or none',
  metrics: [
    { key: 'offeredPerSecond', title: 'offered/s', digits: 0 },
    { key: 'stalledS', title: 'stalled s', digits: 1 },
    { key: 'growthAt5sMb', title: 'RSS growth at 5 s MB', digits: 1 },
    { key: 'growthAtEndMb', title: 'at the end MB', digits: 1 },
    { key: 'growthMaxMb', title: 'largest MB', digits: 1 },
    { key: 'slopeMbPerS', title: 'slope after 5 s MB/s', digits: 2 },
    { key: 'heapAtEndMb', title: 'heap growth at the end MB', digits: 1 },
    { key: 'shedCalls', title: 'shed', digits: 0 },
    { key: 'shedP99Ms', title: 'shed p99 ms', digits: 2 },
    { key: 'givenUpCalls', title: 'given up at once', digits: 0 },
    { key: 'givenUpMs', title: 'all told after ms', digits: 0 },
    { key: 'loopDelayP99Ms', title: 'event loop delay p99 ms', digits: 2 },
    { key: 'firstSuccessMs', title: 'first success after ms', digits: 0 },
    { key: 'internalCalls', title: 'INTERNAL afterwards', digits: 0 },
    { key: 'unsettledCalls', title: 'never ended', digits: 0 },
  ],
  baseline: 'raw',
  variants: ['raw', 'grpc-manifold'],
  cases: Object.keys(CASES),
  rounds: { measured: 1, warmUp: 0 },
  fixedRounds: true,

  open(variants, { quick }) {
    const measure = async (variant: string, caseName: string): Promise<Measurement> => {
      const report = await stallServer({
        ...CASES[caseName],
        variant,
        callsPerSecond: 5_000,
        requestBytes: 4_096,
        warmUpMs: quick ? 1_000 : 3_000,
        capMb: quick ? 400 : 1_500,
        stallMs: quick ? 7_000 : variant === 'raw' ? 12_000 : 30_000,
        recoverMs: quick ? 2_000 : 5_000,
      });
      return toMeasurement(report);
    };
    return processScenario(variants, measure);
  },

  goals: (results) =>
    Object.keys(CASES).flatMap((caseName) => goalsOf(caseName, findCell(results, 'grpc-manifold', caseName))),

  plots: (results) =>
    Object.keys(CASES).map((caseName) => ({
      title: `Memory while the server stands still: ${caseName}`,
      x: { title: 'seconds since it stopped' },
      y: { title: 'RSS growth, MB' },
      lines: caseLines(results, caseName, 'rss'),
    })),
};

function toMeasurement(report: StallReport): Measurement {
  const stalled = report.memory.filter(({ s }) => s <= report.stalledS);
  const settled = stalled.filter(({ s }) => s >= SETTLED_AFTER_S);
  const early = stalled.filter(({ s }) => s <= SETTLED_AFTER_S);
  const last = stalled.at(-1) as MemoryPoint;
  return {
    sample: {
      offeredPerSecond: report.offeredPerSecond,
      stalledS: report.stalledS,
      growthAt5sMb: (early.at(-1) as MemoryPoint).rssMb,
      growthAtEndMb: last.rssMb,
      growthMaxMb: Math.max(...stalled.map(({ rssMb }) => rssMb)),
      ...(settled.length < 2 ? {} : { slopeMbPerS: linearRegression(settled.map(({ s, rssMb }) => [s, rssMb])).m }),
      heapAtEndMb: last.heapMb,
      shedCalls: report.shedCalls,
      ...(report.shedCalls === 0 ? {} : { shedP99Ms: report.shedP99Ms }),
      ...(report.givenUpCalls === 0 ? {} : { givenUpCalls: report.givenUpCalls, givenUpMs: report.givenUpMs }),
      loopDelayP99Ms: report.loopDelayP99Ms,
      ...(report.firstSuccessMs === undefined ? {} : { firstSuccessMs: report.firstSuccessMs }),
      internalCalls: report.endedAfterwards['INTERNAL'] ?? 0,
      unsettledCalls: report.unsettledCalls,
    },
    lines: {
      rss: report.memory.map(({ s, rssMb }) => [s, rssMb] as const),
      heap: report.memory.map(({ s, heapMb }) => [s, heapMb] as const),
    },
    note:
      `while it stood still ended ${inWords(report.endedWhileStalled)}; ` +
      `afterwards ${inWords(report.endedAfterwards)}; RSS was ${report.startRssMb.toFixed(0)} MB when it stopped`,
  };
}

function inWords(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return words.length === 0 ? 'none' : words.join(', ');
}

function goalsOf(caseName: string, cell: Cell | undefined): Goal[] {
  const goal = cellGoal(caseName, cell);
  const shed = goal('calls that are shed end within 5 ms (p99)', 'shedP99Ms', 'ms', (ms) => ms < 5);
  return [
    goal('grows by less than 48 MB', 'growthMaxMb', 'MB', (mb) => mb < 48),
    goal('is flat after 5 s', 'slopeMbPerS', 'MB/s', (slope) => slope < 0.5),
    ...(cell?.summary['shedCalls']?.median === 0 ? [] : [shed]),
    goal('calls succeed within 1 s of its going on', 'firstSuccessMs', 'ms', (ms) => ms < 1_000),
    goal('no call fails with INTERNAL afterwards', 'internalCalls', 'calls', (calls) => calls === 0),
  ];
}
