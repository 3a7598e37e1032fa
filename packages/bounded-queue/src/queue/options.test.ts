import { describe, expect, it } from 'vitest';
import {
  QUEUE_OPTION_NAMES,
  QUEUE_ORDERS,
  resolveQueueOptions,
  type QueueOptions,
  type ResolvedQueueOptions,
} from './options.js';

const DEFAULTS: ResolvedQueueOptions = {
  maxQueuedCalls: 1_000,
  maxQueuedBytes: 67_108_864,
  maxQueueTimeMs: 30_000,
  order: 'fifo',
  priority: undefined,
  partition: undefined,
  shares: undefined,
};

type Bound = 'maxQueuedCalls' | 'maxQueuedBytes' | 'maxQueueTimeMs';

const RANGES: Record<Bound, string> = {
  maxQueuedCalls: 'from 0 to 10000000, or Infinity',
  maxQueuedBytes: 'of at least 0, or Infinity',
  maxQueueTimeMs: 'of at least 1, or Infinity',
};
const NAMES = Object.keys(RANGES) as Bound[];

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

const OUT_OF_RANGE: readonly (readonly [name: Bound, value: number, kind: string])[] = [
  ...NAMES.flatMap((name) =>
    [NaN, -1, -0.5, -Infinity].map((value): readonly [Bound, number, string] => [name, value, 'a number']),
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
    const base = resolveQueueOptions({
      maxQueuedCalls: 1,
      maxQueuedBytes: 2,
      maxQueueTimeMs: 3,
      order: 'priority',
      priority: () => 1,
      partition: () => 'all',
      shares: { all: 1 },
    });
    const before = { ...base };
    const resolved = resolveQueueOptions({ maxQueuedBytes: 20 }, base);
    expect(resolved).toEqual({ ...base, maxQueuedBytes: 20 });
    // What did not change is the same, so that nobody takes it for changed.
    expect([resolved.priority, resolved.partition, resolved.shares]).toEqual([
      base.priority,
      base.partition,
      base.shares,
    ]);
    expect(resolved.shares).toBe(base.shares);
    expect(base).toEqual(before);
  });

  it.each([
    ['no calls and no bytes', { maxQueuedCalls: 0, maxQueuedBytes: 0, maxQueueTimeMs: 1 }],
    ['the most that has a number', { maxQueuedCalls: 10_000_000, maxQueuedBytes: 2 ** 40, maxQueueTimeMs: 1e12 }],
    ['no bounds at all', { maxQueuedCalls: Infinity, maxQueuedBytes: Infinity, maxQueueTimeMs: Infinity }],
    ['a time that is no whole number', { maxQueuedCalls: 1, maxQueuedBytes: 1, maxQueueTimeMs: 1.5 }],
  ])('takes %s', (_what, options) => {
    expect(resolveQueueOptions(Object.freeze(options))).toEqual({ ...DEFAULTS, ...options });
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
      new TypeError(
        `queue: unknown option 'maxQueueCalls'; known are ${QUEUE_OPTION_NAMES.join(', ')}; did you mean 'maxQueuedCalls'?`,
      ),
    );
  });

  describe('order', () => {
    it.each(QUEUE_ORDERS)('may be %s', (order) => {
      expect(resolveQueueOptions({ order, priority: () => 0 }).order).toBe(order);
    });

    it.each([
      ['another word', 'random', `'random'`],
      ['null', null, 'null'],
      ['a number', 1, '1'],
    ])('refuses %s', (_what, order, shown) => {
      expect(() => resolveQueueOptions({ order } as unknown as QueueOptions)).toThrow(
        new TypeError(`queue: order must be one of 'fifo', 'lifo', 'priority', got ${shown}`),
      );
    });

    it('refuses priority without a function for it', () => {
      const words = `queue: priority must be a function where order is 'priority', got undefined`;
      expect(() => resolveQueueOptions({ order: 'priority' })).toThrow(new TypeError(words));
    });
  });

  it.each(['priority', 'partition'] as const)('refuses %s that is no function', (name) => {
    expect(() => resolveQueueOptions({ [name]: 'gold' })).toThrow(
      new TypeError(`queue: ${name} must be a function, got 'gold'`),
    );
  });

  describe('shares', () => {
    const partition = (): string => '';

    it.each([
      ['all of it named', { a: 0.8, b: 0.2 }],
      ['a sum that is 1 but for rounding', { a: 0.1, b: 0.2, c: 0.7 }],
      ['less than all', { a: 0.001 }],
      ['nobody named', {}],
      ['keys that every object has', { constructor: 0.5, toString: 0.2 }],
    ])('may have %s', (_what, shares) => {
      const resolved = resolveQueueOptions({ partition, shares });
      expect(Object.entries(resolved.shares ?? {})).toEqual(Object.entries(shares));
      expect(resolved.shares).not.toBe(shares);
      expect(Object.isFrozen(resolved.shares)).toBe(true);
    });

    it.each<[string, unknown, new () => Error, string]>([
      ['no object', 0.5, TypeError, 'queue: shares must be an object, got 0.5'],
      ['a list', [0.5], TypeError, 'queue: shares must be an object, got [ 0.5 ]'],
      ['a share of 0', { a: 0 }, RangeError, 'queue.shares: a must be a number from 0.001 to 1, got 0'],
      ['a share above 1', { a: 1.5 }, RangeError, 'queue.shares: a must be a number from 0.001 to 1, got 1.5'],
      ['a share that is NaN', { a: NaN }, RangeError, 'queue.shares: a must be a number from 0.001 to 1, got NaN'],
      ['a share in words', { a: '1' }, TypeError, `queue.shares: a must be a number from 0.001 to 1, got '1'`],
      [
        'more than all',
        { a: 0.75, b: 0.5 },
        RangeError,
        'queue: the sum of shares must be a number above 0 and at most 1, got 1.25',
      ],
    ])('refuses %s', (_what, shares, kind, words) => {
      const resolve = (): unknown => resolveQueueOptions({ partition, shares } as unknown as QueueOptions);
      expect(resolve).toThrow(kind);
      expect(resolve).toThrow(words);
    });

    it('refuses them without a function that tells keys apart', () => {
      const words = 'queue: partition must be a function where shares are given, got undefined';
      expect(() => resolveQueueOptions({ shares: { a: 1 } })).toThrow(new TypeError(words));
    });
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
