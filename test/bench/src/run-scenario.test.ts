import { describe, expect, it } from 'vitest';
import { runScenario } from './run-scenario.js';
import type { Scenario } from './scenario.js';

function scripted(log: string[], measure: (variant: string, caseName: string) => number | undefined): Scenario {
  return {
    name: 'scripted',
    work: 'nothing',
    metrics: [{ key: 'cost', title: 'cost', digits: 0 }],
    baseline: 'a',
    variants: ['a', 'b', 'c'],
    cases: ['x', 'y'],
    rounds: { measured: 2, warmUp: 1 },
    open: (variants) =>
      Promise.resolve({
        variants: variants.map((name) => ({
          name,
          measure: (caseName) => {
            log.push(`${caseName}${name}`);
            const cost = measure(name, caseName);
            return Promise.resolve(cost === undefined ? undefined : { sample: { cost } });
          },
          close: () => void log.push(`close ${name}`),
        })),
        close: () => void log.push('close all'),
      }),
    goals: () => [],
  };
}

describe('a scenario', () => {
  it('measures the variants in turn, round by round, and closes them', async () => {
    const log: string[] = [];
    await runScenario(
      scripted(log, () => 1),
      { measured: 1, warmUp: 1 },
      { quick: true },
      () => undefined,
    );
    const round = ['xa', 'xb', 'xc', 'ya', 'yb', 'yc'];
    expect(log).toEqual([...round, ...round, 'close a', 'close b', 'close c', 'close all']);
  });

  it('throws the warm-up rounds away', async () => {
    let cost = 0;
    const cells = await runScenario(
      scripted([], () => ++cost),
      { measured: 2, warmUp: 1 },
      { quick: true, variants: ['a'] },
      () => undefined,
    );
    expect(cells.map(({ measurements }) => measurements.map(({ sample }) => sample['cost']))).toEqual([
      [3, 5],
      [4, 6],
    ]);
  });

  it('leaves out a case that does not apply to a variant', async () => {
    const cells = await runScenario(
      scripted([], (variant, caseName) => (variant === 'b' && caseName === 'x' ? undefined : 1)),
      { measured: 1, warmUp: 0 },
      { quick: true, variants: ['a', 'b'] },
      () => undefined,
    );
    expect(cells.map(({ caseName, variant }) => caseName + variant)).toEqual(['xa', 'ya', 'yb']);
  });

  it('closes everything when a variant fails', async () => {
    const log: string[] = [];
    const failing = scripted(log, (variant) => {
      if (variant === 'b') throw new Error('broken');
      return 1;
    });
    const run = runScenario(failing, { measured: 1, warmUp: 0 }, { quick: true }, () => undefined);
    await expect(run).rejects.toThrow('broken');
    expect(log.slice(-4)).toEqual(['close a', 'close b', 'close c', 'close all']);
  });

  it('refuses to run when no variant is left', async () => {
    const none = runScenario(
      scripted([], () => 1),
      { measured: 1, warmUp: 0 },
      { quick: true, variants: ['z'] },
      () => undefined,
    );
    await expect(none).rejects.toThrow('none of these variants: z');
  });
});
