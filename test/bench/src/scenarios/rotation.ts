import { cellGoal } from '../cell-goal.js';
import { processScenario } from '../process-scenario.js';
import { rotateMembers } from '../rotation/rotate-members.js';
import { findCell, type Goal, type Measurement, type Results, type Scenario } from '../scenario.js';
import { failures, noFailures } from './failures.js';

const MEMBERS = 4;
const MAX_AGE_MS = 1_000;
const STEADY = 'no rotation';
const ROTATING = 'max age 1 s';
/** How much slower the slowest calls may be. */
const MAX_P99_RATIO = 1.5;

/** What it costs calls that the connections under them are replaced. */
export const rotation: Scenario = {
  name: 'rotation',
  work: `${MEMBERS} members, 2,000 calls/s of 100 bytes for 10 s a round, while every member is replaced each second or none is`,
  metrics: [
    { key: 'offeredPerSecond', title: 'offered/s', digits: 0 },
    { key: 'okPerSecond', title: 'OK/s', digits: 0 },
    failures,
    { key: 'okP50Ms', title: 'p50 ms', digits: 2, ratio: true },
    { key: 'okP99Ms', title: 'p99 ms', digits: 2, ratio: true },
    { key: 'okMaxMs', title: 'longest ms', digits: 1 },
    { key: 'replacedPerSecond', title: 'members replaced/s', digits: 2 },
    { key: 'fewestReady', title: 'fewest ready', digits: 0 },
    { key: 'loopDelayP99Ms', title: 'event loop delay p99 ms', digits: 2 },
    { key: 'cpuRatio', title: 'CPU of the client', digits: 2, ratio: true },
  ],
  baseline: STEADY,
  variants: [STEADY, ROTATING],
  cases: [''],
  rounds: { measured: 7, warmUp: 0 },

  open(variants, { quick }) {
    const measure = async (variant: string): Promise<Measurement> => {
      const report = await rotateMembers({
        members: MEMBERS,
        ...(variant === ROTATING ? { maxAgeMs: MAX_AGE_MS } : {}),
        callsPerSecond: 2_000,
        warmUpMs: quick ? 500 : 3_000,
        measureMs: quick ? 2_000 : 10_000,
      });
      return { sample: { ...report } };
    };
    return processScenario(variants, measure);
  },

  goals: goalsOf,
};

function goalsOf(results: Results): Goal[] {
  const cell = findCell(results, ROTATING);
  const goal = cellGoal(ROTATING, cell);
  const ratio = cell?.ratios['okP99Ms']?.median;
  return [
    noFailures(results),
    goal('every member is replaced each second', 'replacedPerSecond', 'members/s', (rate) => rate >= MEMBERS * 0.9),
    goal('never are fewer ready', 'fewestReady', 'members', (count) => count >= MEMBERS),
    {
      text: `${ROTATING}: p99 within ${MAX_P99_RATIO} × of that without`,
      measured: ratio === undefined ? 'not measured' : `${ratio.toFixed(2)} ×`,
      reached: ratio === undefined ? undefined : ratio <= MAX_P99_RATIO,
    },
  ];
}
