import { describe, expect, it } from 'vitest';
import { resolveThreadChannelFactoryOptions } from './options.js';

describe('the limits of a thread', () => {
  it('are the given limits and the default of maxYoungGenerationSizeMb', () => {
    const { resourceLimits } = resolveThreadChannelFactoryOptions({ resourceLimits: { maxOldGenerationSizeMb: 64 } });
    expect(resourceLimits).toEqual({ maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 192 });
  });

  it('keep the default of maxYoungGenerationSizeMb when it is undefined', () => {
    const limits = { maxYoungGenerationSizeMb: undefined } as never;
    expect(resolveThreadChannelFactoryOptions({ resourceLimits: limits }).resourceLimits).toEqual({
      maxYoungGenerationSizeMb: 192,
    });
  });

  it.each([
    [{ maxOldGenerationSizeMB: 5 }, /resourceLimits: unknown option 'maxOldGenerationSizeMB'/],
    [
      { maxOldGenerationSizeMb: '512' },
      /resourceLimits: maxOldGenerationSizeMb must be a number of at least 1, got '512'/,
    ],
    [{ stackSizeMb: NaN }, /resourceLimits: stackSizeMb must be a number of at least 1, got NaN/],
    [{ codeRangeSizeMb: -1 }, /resourceLimits: codeRangeSizeMb must be a number of at least 1, got -1/],
    ['much', /resourceLimits must be an object, got 'much'/],
  ])('are refused when they are %j', (resourceLimits, message) => {
    expect(() => resolveThreadChannelFactoryOptions({ resourceLimits } as never)).toThrow(message);
  });
});

describe('the program of a thread', () => {
  it.each([new URL('https://example.org/worker.js'), '/worker.js'])('must not be %s', (workerUrl) => {
    expect(() => resolveThreadChannelFactoryOptions({ workerUrl } as never)).toThrow(
      /workerUrl must be a URL of file: or data:, got/,
    );
  });
});
