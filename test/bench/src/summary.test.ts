import { describe, expect, it } from 'vitest';
import type { Measurement } from './scenario.js';
import { compare, quartiles, summarize } from './summary.js';

const rounds = (...values: number[]): Measurement[] => values.map((cost) => ({ sample: { cost } }));

describe('a summary', () => {
  it('gives median and quartiles whatever the order of the rounds', () => {
    expect(quartiles([5, 1, 4, 2, 3])).toEqual({ q1: 2, median: 3, q3: 4 });
  });

  it('takes ratios within a round, so that a machine that slows down for both sides moves none', () => {
    const [, other] = summarize(
      [
        { caseName: '', variant: 'raw', measurements: rounds(10, 100, 1_000) },
        { caseName: '', variant: 'other', measurements: rounds(20, 200, 2_000) },
      ],
      'raw',
    );
    expect(other?.ratios['cost']).toEqual({ q1: 2, median: 2, q3: 2 });
    expect(other?.summary['cost']?.median).toBe(200);
  });

  it('compares with the baseline of the same case', () => {
    const cells = summarize(
      [
        { caseName: 'small', variant: 'raw', measurements: rounds(1) },
        { caseName: 'small', variant: 'other', measurements: rounds(3) },
        { caseName: 'large', variant: 'raw', measurements: rounds(10) },
        { caseName: 'large', variant: 'other', measurements: rounds(50) },
      ],
      'raw',
    );
    expect(cells.map(({ ratios }) => ratios['cost']?.median)).toEqual([1, 3, 1, 5]);
    expect(compare({ cells }, 'raw', 'other', 'cost', 'large')?.median).toBe(0.2);
  });

  it('has no ratio when the baseline was not measured', () => {
    const cells = summarize([{ caseName: '', variant: 'other', measurements: rounds(3) }], 'raw');
    expect(cells[0]?.ratios).toEqual({});
    expect(compare({ cells }, 'other', 'raw', 'cost')).toBeUndefined();
  });
});
