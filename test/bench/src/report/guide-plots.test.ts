import { describe, expect, it } from 'vitest';
import type { ResultFile } from '../result-file.js';
import type { Cell } from '../scenario.js';
import { barPictures } from './guide-plots.js';
import { svgBars } from './svg-bars.js';

const about = (median: number) => ({ q1: median * 0.9, median, q3: median * 1.1 });

function cell(caseName: string, variant: string, medians: Record<string, number>): Cell {
  const summary = Object.fromEntries(Object.entries(medians).map(([key, median]) => [key, about(median)]));
  return { caseName, variant, measurements: [], summary, ratios: { loopUs: about(0.2) } };
}

const result = {
  scenario: 'threads',
  baseline: 'raw',
  metrics: [
    { key: 'loopUs', title: 'event loop µs/call', digits: 1, ratio: true },
    { key: 'callsPerSecond', title: 'calls/s', digits: 0 },
    { key: 'failedCalls', title: 'failed', digits: 0 },
  ],
  cells: [
    cell('small', 'raw', { loopUs: 100, callsPerSecond: 8_000, failedCalls: 0 }),
    cell('small', 'threads: 1', { loopUs: 20, callsPerSecond: 12_000, failedCalls: 0 }),
    cell('large', 'raw', { loopUs: 300, failedCalls: 0 }),
  ],
} as unknown as ResultFile;

const guide = { folder: 'threads', scenario: 'threads' };

describe('the pictures of a scenario', () => {
  it('are one for each metric that is not 0 everywhere, with every case that has it', () => {
    const pictures = barPictures(guide, result);
    expect(pictures.map(({ file }) => file)).toEqual(['threads/loop-us.svg', 'threads/calls-per-second.svg']);
    expect(pictures.map(({ bars }) => bars.groups.map(({ name }) => name))).toEqual([['small', 'large'], ['small']]);
  });

  it('name the ratio to the baseline where the scenario has one', () => {
    const [picture] = barPictures(guide, result);
    expect(picture?.bars.groups[0]?.bars.map(({ label, note }) => [label, note])).toEqual([
      ['raw', undefined],
      ['threads: 1', '0.20 × raw'],
    ]);
  });

  it('are drawn with the median of each variant', () => {
    const [, picture] = barPictures(guide, result);
    const svg = svgBars(picture?.bars ?? { title: '', digits: 0, groups: [] });
    for (const shown of ['calls/s', 'small', 'threads: 1', '8,000', '12,000']) expect(svg).toContain(`>${shown}<`);
  });
});
