import type { ResultFile } from '../result-file.js';
import type { Cell, Metric, Plot } from '../scenario.js';
import type { Bar, Bars } from './svg-bars.js';

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

/**
 * Picks the lines of a picture out of a result, in its order. @throws Error when the plot or all of its lines are
 * missing.
 */
export function guidePlot(guide: GuidePlot, result: ResultFile): Plot {
  const plot = result.plots.find(({ title }) => title === guide.plot);
  const lines = guide.lines.flatMap((label) => plot?.lines.filter((line) => line.label === label) ?? []);
  if (plot === undefined || lines.length === 0) throw new Error(`${guide.scenario} has no plot "${guide.plot}"`);
  return { ...plot, title: guide.title, lines };
}

/** Pictures in a guide that show a whole scenario: one for each of its metrics, with bars for each case and variant. */
export interface GuideBars {
  /** Where the pictures go, relative to `docs/guides`. */
  readonly folder: string;
  readonly scenario: string;
}

export const guideBars: readonly GuideBars[] = [{ folder: 'threads', scenario: 'threads' }];

/**
 * The metrics of a result as pictures, by their file. What was not measured in a case, or is 0 everywhere, is left out.
 */
export function barPictures(
  { folder }: GuideBars,
  result: ResultFile,
): { readonly file: string; readonly bars: Bars }[] {
  return result.metrics.flatMap((metric) => {
    const { key, title, digits } = metric;
    const caseNames = [...new Set(result.cells.map(({ caseName }) => caseName))];
    const groups = caseNames.flatMap((name) => {
      const bars = result.cells
        .filter(({ caseName }) => caseName === name)
        .flatMap((cell) => barOf(cell, metric, result));
      return bars.some(({ value }) => value.q3 > 0) ? [{ name, bars }] : [];
    });
    if (groups.length === 0) return [];
    const file = `${folder}/${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.svg`;
    return [{ file, bars: { title, digits, groups } }];
  });
}

function barOf({ variant, summary, ratios }: Cell, { key, ratio }: Metric, { baseline }: ResultFile): Bar[] {
  const value = summary[key];
  if (value === undefined) return [];
  const times = ratio === true && variant !== baseline ? ratios[key] : undefined;
  return [
    { label: variant, value, ...(times === undefined ? {} : { note: `${times.median.toFixed(2)} × ${baseline}` }) },
  ];
}
