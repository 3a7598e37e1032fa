import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Cell, Goal, Metric, Plot, RoundCounts, Scenario } from './scenario.js';
import type { Machine } from './machine.js';

/** What a run of a scenario leaves behind, as JSON. */
export interface ResultFile {
  readonly scenario: string;
  readonly work: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  /** It was a smoke run: the numbers mean nothing. */
  readonly quick: boolean;
  readonly machine: Machine;
  readonly rounds: RoundCounts;
  readonly baseline: string;
  readonly metrics: readonly Metric[];
  readonly cells: readonly Cell[];
  readonly goals: readonly Goal[];
  readonly facts: readonly string[];
  readonly plots: readonly Plot[];
}

/** The folder of the result files. */
export const RESULTS = new URL('../results/', import.meta.url);

/** Writes a result; a reader sees the old file or the new one, whole. Returns where it is. */
export function writeResult(scenario: Scenario, result: ResultFile): URL {
  mkdirSync(RESULTS, { recursive: true });
  const file = new URL(`${scenario.name}.json`, RESULTS);
  const partial = new URL(`${scenario.name}.json.partial`, RESULTS);
  writeFileSync(partial, `${JSON.stringify(result, undefined, 2)}\n`);
  renameSync(partial, file);
  return file;
}

/** Reads every result there is, by name. @throws Error when there is none. */
export function readResults(): ResultFile[] {
  mkdirSync(RESULTS, { recursive: true });
  const names = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  if (names.length === 0) throw new Error('There are no results yet: npm run bench');
  return names.sort().map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')) as ResultFile);
}
