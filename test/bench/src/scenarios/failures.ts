import type { Goal, Metric, Results } from '../scenario.js';

/** The column of calls that did not succeed. */
export const failures: Metric = { key: 'failedCalls', title: 'failed', digits: 0 };

/** The bar that makes the other numbers comparable: a client that fails calls saves itself their work. */
export function noFailures(results: Results): Goal {
  const failed = results.cells.map(({ variant, measurements }) => ({
    variant,
    calls: measurements.reduce((sum, { sample }) => sum + (sample['failedCalls'] ?? 0), 0),
  }));
  const bad = failed.filter(({ calls }) => calls > 0);
  return {
    text: 'no call fails',
    measured: bad.length === 0 ? 'none' : bad.map(({ variant, calls }) => `${variant} ${calls}`).join(', '),
    reached: bad.length === 0,
  };
}
