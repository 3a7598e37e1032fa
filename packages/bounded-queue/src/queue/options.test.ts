import { describe, expect, it } from 'vitest';
import { resolveQueueOptions, type QueueOptions, type ResolvedQueueOptions } from './options.js';

const DEFAULTS: ResolvedQueueOptions = {
  maxQueuedCalls: 1_000,
  maxQueuedBytes: 67_108_864,
  maxQueueTimeMs: 30_000,
};

const RANGES: Record<keyof QueueOptions, string> = {
  maxQueuedCalls: 'from 0 to 10000000, or Infinity',
  maxQueuedBytes: 'of at least 0, or Infinity',
  maxQueueTimeMs: 'of at least 1, or Infinity',
};
const NAMES = Object.keys(RANGES) as (keyof QueueOptions)[];

const WRONG_TYPES: readonly (readonly [what: string, value: unknown, shown: string])[] = [
  ['null', null, 'null'],
  ['a string', '10', `'10'`],
  ['an empty string', '', `''`],
  ['a boolean', false, 'false'],
  ['a bigint', 10n, '10n'],
  ['an array', [10], '[ 10 ]'],
  ['an object', {}, '{}'],
  ['a function', () => 10, '[Function'],
];

const OUT_OF_RANGE: readonly (readonly [name: keyof QueueOptions, value: number, kind: string])[] = [
  ...NAMES.flatMap((name) =>
    [NaN, -1, -0.5, -Infinity].map((value): readonly [keyof QueueOptions, number, string] => [name, value, 'a number']),
  ),
  ['maxQueuedCalls', 1.5, 'a whole number'],
  ['maxQueuedCalls', 10_000_001, 'a number'],
  ['maxQueuedBytes', 0.5, 'a whole number'],
  ['maxQueueTimeMs', 0, 'a number'],
  ['maxQueueTimeMs', 0.99, 'a number'],
];

describe('resolveQueueOptions', () => {
  it('fills in every default', () => {
    expect(resolveQueueOptions(undefined)).toEqual(DEFAULTS);
    expect(resolveQueueOptions({})).toEqual(DEFAULTS);
    expect(resolveQueueOptions({ maxQueuedCalls: undefined } as unknown as QueueOptions)).toEqual(DEFAULTS);
  });

  it('falls back to what is in force, where that is given', () => {
    const base = { maxQueuedCalls: 1, maxQueuedBytes: 2, maxQueueTimeMs: 3 };
    expect(resolveQueueOptions({ maxQueuedBytes: 20 }, base)).toEqual({ ...base, maxQueuedBytes: 20 });
    expect(base).toEqual({ maxQueuedCalls: 1, maxQueuedBytes: 2, maxQueueTimeMs: 3 });
  });

  it.each([
    ['no calls and no bytes', { maxQueuedCalls: 0, maxQueuedBytes: 0, maxQueueTimeMs: 1 }],
    ['the most that has a number', { maxQueuedCalls: 10_000_000, maxQueuedBytes: 2 ** 40, maxQueueTimeMs: 1e12 }],
    ['no bounds at all', { maxQueuedCalls: Infinity, maxQueuedBytes: Infinity, maxQueueTimeMs: Infinity }],
    ['a time that is no whole number', { maxQueuedCalls: 1, maxQueuedBytes: 1, maxQueueTimeMs: 1.5 }],
  ])('takes %s', (_what, options) => {
    expect(resolveQueueOptions(Object.freeze(options))).toEqual(options);
  });

  describe.each(NAMES)('%s', (name) => {
    it.each(WRONG_TYPES)('refuses %s', (_what, value, shown) => {
      const resolve = (): unknown => resolveQueueOptions({ [name]: value });
      expect(resolve).toThrow(TypeError);
      expect(resolve).toThrow(`queue: ${name} must be a number ${RANGES[name]}, got ${shown}`);
    });
  });

  it.each(OUT_OF_RANGE)('refuses %s: %d', (name, value, kind) => {
    const resolve = (): unknown => resolveQueueOptions({ [name]: value });
    expect(resolve).toThrow(new RangeError(`queue: ${name} must be ${kind} ${RANGES[name]}, got ${value}`));
  });

  it('refuses an option that there is not', () => {
    expect(() => resolveQueueOptions({ maxQueueCalls: 5 } as QueueOptions)).toThrow(
      new TypeError(`queue: unknown option 'maxQueueCalls'; known are maxQueuedCalls, maxQueuedBytes, maxQueueTimeMs`),
    );
  });

  it.each([
    ['null', null],
    ['a number', 5],
    ['a string', 'fifo'],
    ['an array', []],
  ])('refuses options that are %s', (_what, options) => {
    expect(() => resolveQueueOptions(options as QueueOptions)).toThrow(TypeError);
    expect(() => resolveQueueOptions(options as QueueOptions)).toThrow('queue: options must be an object, got ');
  });
});
