import { quantile } from 'simple-statistics';
import { findCell, type Cell, type Measurement, type Quartiles, type Results } from './scenario.js';

/** Takes median and quartiles. @throws Error when there is no value. */
export function quartiles(values: readonly number[]): Quartiles {
  const [q1, median, q3] = quantile([...values], [0.25, 0.5, 0.75]) as unknown as [number, number, number];
  return { q1, median, q3 };
}

/** What one variant did in one case, not yet summed up. */
export interface Measured {
  readonly caseName: string;
  readonly variant: string;
  /** One a round, in order. */
  readonly measurements: readonly Measurement[];
}

/** Sums up each variant, and sets it in relation to the baseline of its case. */
export function summarize(measured: readonly Measured[], baseline: string): Cell[] {
  return measured.map((one) => {
    const base = measured.find((other) => other.variant === baseline && other.caseName === one.caseName);
    const summary: Record<string, Quartiles> = {};
    const ratios: Record<string, Quartiles> = {};
    for (const key of Object.keys(one.measurements[0]?.sample ?? {})) {
      summary[key] = quartiles(valuesOf(one, key));
      const ratio = base && ratioWithinRounds(one, base, key);
      if (ratio !== undefined) ratios[key] = ratio;
    }
    return { ...one, summary, ratios };
  });
}

/** Compares two variants of a case that need not be the baseline. Undefined when one of them was not measured. */
export function compare(
  results: Results,
  variant: string,
  to: string,
  metric: string,
  caseName = '',
): Quartiles | undefined {
  const [one, base] = [findCell(results, variant, caseName), findCell(results, to, caseName)];
  return one && base && ratioWithinRounds(one, base, metric);
}

/**
 * A ratio for each round, then the quartiles of those. A machine that slows down for a while slows both sides of a
 * ratio, so it moves much less than either side.
 */
function ratioWithinRounds(one: Measured, base: Measured, key: string): Quartiles | undefined {
  const baseValues = valuesOf(base, key);
  const ratios = valuesOf(one, key).map((value, round) => value / (baseValues[round] ?? NaN));
  return ratios.every(Number.isFinite) ? quartiles(ratios) : undefined;
}

function valuesOf({ measurements }: Measured, key: string): number[] {
  return measurements.map(({ sample }) => sample[key] ?? NaN);
}
