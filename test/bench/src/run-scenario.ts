import type { Cell, Measurement, RoundCounts, RunOptions, Scenario } from './scenario.js';
import { summarize, type Measured } from './summary.js';

/** What runs at the moment. */
export interface Step {
  /** Counts from 1; the warm-up rounds come first. */
  readonly round: number;
  readonly rounds: number;
  readonly warmUp: boolean;
  readonly caseName: string;
  readonly variant: string;
}

/**
 * Measures every variant of a scenario, interleaved: A B C, A B C, and so on, so that whatever else the machine does
 * falls on all of them alike.
 *
 * @param variants the names of those to measure; all when undefined.
 */
export async function runScenario(
  scenario: Scenario,
  counts: RoundCounts,
  options: RunOptions & { readonly variants?: readonly string[] },
  onStep: (step: Step) => void,
): Promise<Cell[]> {
  const names = scenario.variants.filter((name) => options.variants?.includes(name) ?? true);
  if (names.length === 0) {
    throw new Error(`${scenario.name} has none of these variants: ${options.variants?.join(', ')}`);
  }
  const collected = new Map<string, Measured & { measurements: Measurement[] }>();
  const open = await scenario.open(names, options);
  try {
    const rounds = counts.warmUp + counts.measured;
    for (let round = 1; round <= rounds; round++) {
      const warmUp = round <= counts.warmUp;
      for (const caseName of scenario.cases) {
        for (const variant of open.variants) {
          onStep({ round, rounds, warmUp, caseName, variant: variant.name });
          const measurement = await variant.measure(caseName);
          if (warmUp || measurement === undefined) continue;
          const key = `${caseName}\n${variant.name}`;
          const cell = collected.get(key) ?? { caseName, variant: variant.name, measurements: [] };
          cell.measurements.push(measurement);
          collected.set(key, cell);
        }
      }
    }
  } finally {
    for (const variant of open.variants) await variant.close();
    await open.close();
  }
  return summarize([...collected.values()], scenario.baseline);
}
