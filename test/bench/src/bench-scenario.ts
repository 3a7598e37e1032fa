import { performance } from 'node:perf_hooks';
import { thisMachine } from './machine.js';
import type { ResultFile } from './result-file.js';
import { runScenario, type Step } from './run-scenario.js';
import type { RunOptions, Scenario } from './scenario.js';

/** How a scenario is to be run. */
export interface BenchOptions extends RunOptions {
  /** Measured rounds; left out: the scenario's own number, 3 when quick. */
  readonly rounds?: number;
  /** Left out: all. */
  readonly variants?: readonly string[];
}

/** Measures a scenario and judges it. */
export async function benchScenario(
  scenario: Scenario,
  options: BenchOptions,
  onStep: (step: Step) => void,
): Promise<ResultFile> {
  const machine = thisMachine();
  const startedAt = new Date().toISOString();
  const startMs = performance.now();
  const rounds =
    scenario.fixedRounds === true
      ? scenario.rounds
      : {
          measured: options.rounds ?? (options.quick ? 3 : scenario.rounds.measured),
          warmUp: options.quick ? 1 : scenario.rounds.warmUp,
        };
  const cells = await runScenario(scenario, rounds, options, onStep);
  const results = { cells };
  const facts = (await scenario.facts?.()) ?? [];
  return {
    scenario: scenario.name,
    work: scenario.work,
    startedAt,
    seconds: (performance.now() - startMs) / 1_000,
    quick: options.quick,
    machine,
    rounds,
    baseline: scenario.baseline,
    metrics: scenario.metrics,
    cells,
    goals: scenario.goals(results),
    facts,
    plots: scenario.plots?.(results) ?? [],
  };
}
