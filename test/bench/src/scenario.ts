/** One column of a scenario's table. */
export interface Metric {
  /** Name in samples and in the JSON file. */
  readonly key: string;
  /** Head of the column, with its unit. */
  readonly title: string;
  /** Decimals shown. */
  readonly digits: number;
  /** Show the ratio to the baseline as well, computed within each round. */
  readonly ratio?: boolean;
}

/** What one variant did in one round: metric key to number. A metric that does not apply is left out. */
export type Sample = Readonly<Record<string, number>>;

/** A line of a plot. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** An axis of a plot, linear unless `log`. */
export interface Axis {
  readonly title: string;
  readonly log?: boolean;
}

/** A plot of the HTML report. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

/** What comes of measuring one variant once. */
export interface Measurement {
  readonly sample: Sample;
  /** Metric over time within the measurement, for scenarios where that is the point. */
  readonly lines?: Readonly<Record<string, Line['points']>>;
  /** Something worth a line below the table. */
  readonly note?: string;
}

/** One of the things compared: a client, or a queue. */
export interface Variant {
  readonly name: string;
  /** Measures once. Undefined where the case does not apply to this variant. */
  measure(caseName: string): Promise<Measurement | undefined>;
  close(): void | Promise<void>;
}

/** How often everything is measured. */
export interface RoundCounts {
  /** Rounds that count. */
  readonly measured: number;
  /** Rounds before them, thrown away. */
  readonly warmUp: number;
}

/** How a run was asked for. */
export interface RunOptions {
  /** Short windows and few rounds: shows that everything runs, measures nothing. */
  readonly quick: boolean;
}

/** A bar that a scenario is held against. */
export interface Goal {
  /** What is to be reached, as a sentence. */
  readonly text: string;
  /** What was measured, with its unit. */
  readonly measured: string;
  /** Undefined where a variant that the goal compares with was left out. */
  readonly reached: boolean | undefined;
}

/** A variant that is measured, and the ways in which it is. */
export interface OpenScenario {
  readonly variants: readonly Variant[];
  close(): void | Promise<void>;
}

/** A piece of work that several variants are measured at, interleaved round by round. */
export interface Scenario {
  readonly name: string;
  /** The work, in one line. */
  readonly work: string;
  readonly metrics: readonly Metric[];
  /** Name of the variant that ratios are taken to. */
  readonly baseline: string;
  readonly variants: readonly string[];
  /** Settings that every variant goes through in each round; one empty name when there is only one. */
  readonly cases: readonly string[];
  readonly rounds: RoundCounts;
  /** Each round is so long that `--rounds` does not apply. */
  readonly fixedRounds?: boolean;
  /** Starts servers and clients for the named variants. */
  open(variants: readonly string[], options: RunOptions): Promise<OpenScenario>;
  goals(results: Results): readonly Goal[];
  /** Plots beside the ones that every scenario gets. */
  plots?(results: Results): readonly Plot[];
  /** Findings that are not numbers of a round, one a line. */
  facts?(): Promise<readonly string[]>;
}

/** Median and quartiles over the rounds. */
export interface Quartiles {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

/** Everything that one variant did in one case. */
export interface Cell {
  readonly caseName: string;
  readonly variant: string;
  /** One a measured round, in order. */
  readonly measurements: readonly Measurement[];
  /** Metric key to what it was over the rounds. */
  readonly summary: Readonly<Record<string, Quartiles>>;
  /** Metric key to its ratio to the baseline, computed within each round. */
  readonly ratios: Readonly<Record<string, Quartiles>>;
}

/** The outcome of a scenario. */
export interface Results {
  readonly cells: readonly Cell[];
}

/** Finds what a variant did in a case. */
export function findCell(results: Results, variant: string, caseName = ''): Cell | undefined {
  return results.cells.find((cell) => cell.variant === variant && cell.caseName === caseName);
}
