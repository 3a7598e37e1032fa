import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cpuNsPerOperation } from '../load/cpu-per-operation.js';
import { AdmissionQueueLine } from '../queue/admission-queue-line.js';
import { linkedLine, stockLine, UnlinkingLine } from '../queue/p-queue-line.js';
import { pQueueFacts } from '../queue/p-queue-facts.js';
import type { WaitingLineMaker } from '../queue/waiting-line.js';
import { findCell, type Goal, type Plot, type Results, type Sample, type Scenario } from '../scenario.js';

const CASES: Readonly<Record<string, number>> = {
  '1 waiting': 1,
  '1,000 waiting': 1_000,
  '10,000 waiting': 10_000,
  '100,000 waiting': 100_000,
};

const LINES: Readonly<Record<string, WaitingLineMaker>> = {
  AdmissionQueue: (waiting) => new AdmissionQueueLine(waiting),
  'AdmissionQueue-lifo': (waiting) => new AdmissionQueueLine(waiting, 'lifo'),
  'p-queue': stockLine,
  'p-queue-linked': linkedLine,
  'p-queue-unlinked': (waiting) => new UnlinkingLine(waiting),
};

/** Operations at a time: so few that no garbage is collected among them, and the heap grows by what they allocate. */
const BATCH = 100;

/** What the queue costs by itself. */
export const queue: Scenario = {
  name: 'queue',
  work:
    'one more waits and the first is admitted; one in the middle is cancelled and another waits. ' +
    "p-queue-linked: with an O(1) queueClass; p-queue-unlinked: cancelled in that queueClass, behind p-queue's back",
  metrics: [
    { key: 'admitNs', title: 'enqueue + admit CPU ns', digits: 0 },
    { key: 'cancelNs', title: 'enqueue + cancel CPU ns', digits: 0 },
    { key: 'admitBytes', title: 'bytes allocated by enqueue + admit', digits: 0 },
    { key: 'cancelBytes', title: 'by enqueue + cancel', digits: 0 },
  ],
  baseline: 'AdmissionQueue',
  variants: Object.keys(LINES),
  cases: Object.keys(CASES),
  rounds: { measured: 15, warmUp: 2 },

  open(variants, { quick }) {
    const collectGarbage = exposedGc();
    const atLeastMs = quick ? 5 : 40;
    const measure = async (name: string, caseName: string): Promise<Sample> => {
      const waiting = CASES[caseName] as number;
      const line = (LINES[name] as WaitingLineMaker)(waiting);
      // What a promise queue does after it was filled is not to be measured as something else.
      await immediate();
      collectGarbage();
      await line.cancel(BATCH);
      const cancelBytes = await allocated((times) => line.cancel(times));
      const cancelNs = await cpuNsPerOperation((times) => line.cancel(times), atLeastMs);
      const admitBytes = await allocated((times) => line.admit(times));
      const admitNs = await cpuNsPerOperation((times) => line.admit(times), atLeastMs);
      if (line.size !== waiting) throw new Error(`${name}: ${line.size} wait instead of ${waiting}`);
      line.close();
      return { admitNs, cancelNs, admitBytes, cancelBytes };
    };
    return Promise.resolve({
      variants: variants.map((name) => ({
        name,
        measure: async (caseName: string) => ({ sample: await measure(name, caseName) }),
        close: () => undefined,
      })),
      close: () => undefined,
    });
  },

  goals: (results) => [
    ...['AdmissionQueue', 'AdmissionQueue-lifo'].flatMap((variant) => [
      goalOf(results, variant, 'admitNs', 'admitting'),
      goalOf(results, variant, 'cancelNs', 'cancelling in the middle'),
    ]),
  ],

  plots: (results) => [
    plotOf(results, 'admitNs', 'Enqueue and admit the first'),
    plotOf(results, 'cancelNs', 'Cancel in the middle and enqueue'),
  ],

  facts: pQueueFacts,
};

async function allocated(run: (times: number) => Promise<void>): Promise<number> {
  const before = process.memoryUsage().heapUsed;
  await run(BATCH);
  return (process.memoryUsage().heapUsed - before) / BATCH;
}

/** Each line is measured on a heap without the garbage of the one before. */
function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  // So many collections would make V8 forget code that is compiled already.
  setFlagsFromString('--no-flush-bytecode');
  return runInNewContext('gc') as () => void;
}

function goalOf(results: Results, variant: string, metric: string, word: string): Goal {
  const medians = Object.keys(CASES).map((name) => findCell(results, variant, name)?.summary[metric]?.median);
  const known = medians.filter((median) => median !== undefined);
  const mostNs = Object.values(CASES).map((waiting) => (waiting > 10_000 ? 1_000 : 300));
  return {
    text: `${word} takes ${variant} at most 300 ns while up to 10,000 wait, 1,000 ns while 100,000 do`,
    measured: known.length === 0 ? 'not measured' : known.map((ns) => `${ns.toFixed(0)} ns`).join(', '),
    reached:
      known.length === 0
        ? undefined
        : medians.every((ns, index) => ns === undefined || ns <= (mostNs[index] as number)),
  };
}

function plotOf(results: Results, metric: string, title: string): Plot {
  return {
    title,
    x: { title: 'waiting', log: true },
    y: { title: 'CPU ns', log: true },
    lines: Object.keys(LINES).map((label) => ({
      label,
      points: Object.entries(CASES).flatMap(([caseName, waiting]) => {
        const median = findCell(results, label, caseName)?.summary[metric]?.median;
        return median === undefined ? [] : [[waiting, median] as const];
      }),
    })),
  };
}
