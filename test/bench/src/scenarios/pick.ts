import type { PickerName } from '@grpc-manifold/channel-pool';
import { PICKER_NAMES } from '@grpc-manifold/channel-pool/internal';
import { cpuNsPerOperation } from '../load/cpu-per-operation.js';
import { limitFacts } from '../pick/limit-facts.js';
import { spread, type ServiceTimes } from '../pick/spread.js';
import { WirelessPool } from '../pick/wireless-pool.js';
import { findCell, type Plot, type Results, type Sample, type Scenario } from '../scenario.js';

const POOLS: Readonly<Record<string, number>> = {
  '1 member': 1,
  '4 members': 4,
  '16 members': 16,
  '64 members': 64,
  '256 members': 256,
};

const SPREADS: Readonly<Record<string, readonly [members: number, times: ServiceTimes]>> = Object.fromEntries(
  [8, 64].flatMap((members) =>
    (['equal', 'exponential', 'exponential, one slow'] as const).map((times) => [
      `spread over ${members}: ${times}`,
      [members, times],
    ]),
  ),
);

/** What choosing a connection costs, and how evenly it spreads the calls. */
export const pick: Scenario = {
  name: 'pick',
  work:
    'a call is taken off its connection and another is put on one, 8 calls in flight on each; ' +
    'spread: of 100,000 calls of 10 ms on average, 4 in flight on each, a slow connection takes 10 times as long',
  metrics: [
    { key: 'pickNs', title: 'picker alone CPU ns', digits: 0 },
    { key: 'poolNs', title: 'pick + release CPU ns', digits: 0 },
    { key: 'variation', title: 'calls a connection, coefficient of variation %', digits: 2 },
    { key: 'slowShare', title: 'calls of the slow one, % of another', digits: 1 },
  ],
  baseline: 'least-streams',
  variants: PICKER_NAMES,
  cases: [...Object.keys(POOLS), ...Object.keys(SPREADS)],
  rounds: { measured: 15, warmUp: 2 },

  async open(variants, { quick }) {
    const atLeastMs = quick ? 5 : 40;
    const calls = quick ? 5_000 : 100_000;
    return {
      variants: await Promise.all(variants.map((name) => openVariant(name as PickerName, atLeastMs, calls))),
      close: () => undefined,
    };
  },

  goals: (results) => [
    {
      text: 'pick and release take at most 300 ns, whether a pool has 1 or 256 members, by every picker',
      ...judged(results),
    },
  ],

  plots: (results) => [
    plotOf(results, 'poolNs', 'Pick and release in the pool'),
    plotOf(results, 'pickNs', 'The picker alone'),
  ],

  facts: limitFacts,
};

async function openVariant(name: PickerName, atLeastMs: number, calls: number) {
  const pools = new Map<string, WirelessPool>();
  for (const [caseName, members] of Object.entries(POOLS)) pools.set(caseName, await WirelessPool.open(members, name));
  let seed = 0;
  const measure = async (caseName: string): Promise<Sample> => {
    const pool = pools.get(caseName);
    if (pool !== undefined) {
      const pickNs = await cpuNsPerOperation((times) => pool.pickAlone(times), atLeastMs);
      return { pickNs, poolNs: await cpuNsPerOperation((times) => pool.turnOver(times), atLeastMs) };
    }
    const [members, times] = SPREADS[caseName] as (typeof SPREADS)[string];
    const { variation, slowShare } = spread(name, members, times, calls, ++seed);
    return { variation: variation * 100, ...(slowShare === undefined ? {} : { slowShare: slowShare * 100 }) };
  };
  return {
    name,
    measure: async (caseName: string) => ({ sample: await measure(caseName) }),
    close: async () => {
      for (const pool of pools.values()) await pool.close();
    },
  };
}

function judged(results: Results): { measured: string; reached: boolean | undefined } {
  const known = PICKER_NAMES.map((name) => ({ name, points: pointsOf(results, name, 'poolNs') })).filter(
    ({ points }) => points.length > 0,
  );
  const measured = known.map(({ name, points }) => `${name} ${points.map(([, ns]) => ns.toFixed(0)).join(', ')} ns`);
  return {
    measured: measured.join('; ') || 'not measured',
    reached: known.length === 0 ? undefined : known.every(({ points }) => points.every(([, ns]) => ns <= 300)),
  };
}

/** Members and the median. */
function pointsOf(results: Results, name: PickerName, metric: string): (readonly [number, number])[] {
  return Object.entries(POOLS).flatMap(([caseName, members]) => {
    const median = findCell(results, name, caseName)?.summary[metric]?.median;
    return median === undefined ? [] : [[members, median] as const];
  });
}

function plotOf(results: Results, metric: string, title: string): Plot {
  return {
    title,
    x: { title: 'members', log: true },
    y: { title: 'CPU ns' },
    lines: PICKER_NAMES.map((label) => ({ label, points: pointsOf(results, label, metric) })),
  };
}
