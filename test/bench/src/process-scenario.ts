import type { Measurement, OpenScenario } from './scenario.js';

/** Opens a scenario that starts its processes anew for each measurement: between them it holds nothing open. */
export function processScenario(
  variants: readonly string[],
  measure: (variant: string, caseName: string) => Promise<Measurement>,
): Promise<OpenScenario> {
  return Promise.resolve({
    variants: variants.map((name) => ({
      name,
      measure: (caseName: string) => measure(name, caseName),
      close: () => undefined,
    })),
    close: () => undefined,
  });
}
