import type { ResultFile } from '../result-file.js';
import type { Plot } from '../scenario.js';

/** A picture in a guide: a plot of a scenario, of some of its lines. */
export interface GuidePlot {
  /** Relative to `docs/guides`. */
  readonly file: string;
  readonly scenario: string;
  /** Title of the scenario's plot. */
  readonly plot: string;
  /** Title in the guide. */
  readonly title: string;
  readonly lines: readonly string[];
}

const CHANGING = 'capacity 2,000, 500, 2,000';

/** Every picture in the guides that comes from a measurement. */
export const guidePlots: readonly GuidePlot[] = [
  {
    file: 'overload/answers-in-time.svg',
    scenario: 'overload',
    plot: 'Answers in time: 3,000 offered',
    title: 'A server that does 2,000 calls/s is offered 3,000',
    lines: ['raw', 'gradient', 'fixed 500'],
  },
  {
    file: 'overload/capacity-changes.svg',
    scenario: 'overload',
    plot: `Answers in time: ${CHANGING}`,
    title: 'The server slows down from 2,000 to 500 calls/s, and recovers',
    lines: ['capacity', 'gradient', 'vegas', 'aimd', 'fixed 20', 'fixed 500'],
  },
  {
    file: 'overload/limits.svg',
    scenario: 'overload',
    plot: `The limit: ${CHANGING}`,
    title: 'The limits meanwhile',
    lines: ['gradient', 'vegas', 'aimd'],
  },
];

/** Picks the lines of a picture out of a result, in its order. @throws Error when the plot or all of its lines are missing. */
export function guidePlot(guide: GuidePlot, result: ResultFile): Plot {
  const plot = result.plots.find(({ title }) => title === guide.plot);
  const lines = guide.lines.flatMap((label) => plot?.lines.filter((line) => line.label === label) ?? []);
  if (plot === undefined || lines.length === 0) throw new Error(`${guide.scenario} has no plot "${guide.plot}"`);
  return { ...plot, title: guide.title, lines };
}
