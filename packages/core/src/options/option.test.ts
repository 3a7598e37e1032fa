import { describe, expect, it } from 'vitest';
import { OptionReader } from './option.js';

interface Options {
  readonly count?: number;
  readonly ratio?: number;
  readonly mode?: 'fast' | 'slow';
  readonly factory?: () => void;
  readonly nested?: { readonly x?: number };
}

function reader(options: unknown): OptionReader<Options> {
  return new OptionReader<Options>('thing', options as Options, ['count', 'ratio', 'mode', 'factory', 'nested']);
}

/** One value that must be refused, with the class and the text of the error. */
type Refusal = readonly [what: string, value: unknown, kind: typeof TypeError | typeof RangeError, words: string];

const NOT_A_NUMBER: readonly (readonly [string, unknown, string])[] = [
  ['null', null, 'null'],
  ['a string', '5', `'5'`],
  ['a boolean', true, 'true'],
  ['a bigint', 5n, '5n'],
  ['an array', [5], '[ 5 ]'],
  ['an object', { valueOf: () => 5 }, '{ valueOf: [Function: valueOf] }'],
  ['a function', () => 5, '[Function'],
  ['a symbol', Symbol('five'), 'Symbol(five)'],
];

describe('OptionReader', () => {
  it('accepts undefined as no options', () => {
    expect(reader(undefined).integer('count', 7, { min: 0 })).toBe(7);
    expect(reader({}).integer('count', 7, { min: 0 })).toBe(7);
    expect(reader({ count: undefined }).integer('count', 7, { min: 0 })).toBe(7);
  });

  it.each([
    ['null', null],
    ['a number', 5],
    ['a string', 'count'],
    ['a boolean', true],
    ['an array', []],
    ['a function', () => undefined],
    ['a symbol', Symbol('options')],
  ])('refuses options that are %s', (_what, options) => {
    expect(() => reader(options)).toThrow(TypeError);
    expect(() => reader(options)).toThrow(/^thing: options must be an object, got /);
  });

  it('refuses an unknown key, and lists the known ones', () => {
    expect(() => reader({ cuont: 5 })).toThrow(
      new TypeError(
        `thing: unknown option 'cuont'; known are count, ratio, mode, factory, nested; did you mean 'count'?`,
      ),
    );
    expect(() => reader({ cuont: undefined })).toThrow(TypeError);
  });

  it('shows a value in one short line, however large it is', () => {
    const long = 'x'.repeat(10_000);
    for (const value of [
      long,
      { deep: { deeper: long } },
      [[1], [2]],
      new Map([[long, { long }]]),
      Array(300).fill(long),
    ]) {
      let message = '';
      try {
        reader({ count: value }).integer('count', 0, { min: 0 });
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toMatch(/^thing: count must be /);
      expect(message.length).toBeLessThan(300);
      expect(message).not.toContain('\n');
    }
  });

  describe('integer', () => {
    const range = { min: 1, max: 10 };

    it.each([1, 5, 10])('takes %d', (value) => {
      expect(reader({ count: value }).integer('count', 7, range)).toBe(value);
    });

    it('accepts Infinity only when the option may be unlimited', () => {
      expect(reader({ count: Infinity }).integer('count', 7, { ...range, unlimited: true })).toBe(Infinity);
      expect(() => reader({ count: Infinity }).integer('count', 7, range)).toThrow(RangeError);
    });

    it.each<Refusal>([
      ...NOT_A_NUMBER.map(([what, value, shown]): Refusal => {
        return [what, value, TypeError, `thing: count must be a number from 1 to 10, got ${shown}`];
      }),
      ['NaN', NaN, RangeError, 'thing: count must be a number from 1 to 10, got NaN'],
      ['a negative number', -1, RangeError, 'thing: count must be a number from 1 to 10, got -1'],
      ['less than the least', 0, RangeError, 'thing: count must be a number from 1 to 10, got 0'],
      ['minus zero', -0, RangeError, 'thing: count must be a number from 1 to 10, got -0'],
      ['more than the most', 11, RangeError, 'thing: count must be a number from 1 to 10, got 11'],
      ['a fraction', 1.5, RangeError, 'thing: count must be a whole number from 1 to 10, got 1.5'],
      ['Infinity', Infinity, RangeError, 'thing: count must be a number from 1 to 10, got Infinity'],
      ['minus Infinity', -Infinity, RangeError, 'thing: count must be a number from 1 to 10, got -Infinity'],
    ])('refuses %s', (_what, value, kind, words) => {
      const read = (): number => reader({ count: value }).integer('count', 7, range);
      expect(read).toThrow(kind);
      expect(read).toThrow(words);
    });

    it('describes a range without an upper bound, and one that includes Infinity', () => {
      expect(() => reader({ count: -1 }).integer('count', 7, { min: 0 })).toThrow(
        new RangeError('thing: count must be a number of at least 0, got -1'),
      );
      expect(() => reader({ count: 0.5 }).integer('count', 7, { min: 0, unlimited: true })).toThrow(
        new RangeError('thing: count must be a whole number of at least 0, or Infinity, got 0.5'),
      );
      expect(() => reader({ count: '5' }).integer('count', 7, { min: 0, max: 9, unlimited: true })).toThrow(
        new TypeError(`thing: count must be a number from 0 to 9, or Infinity, got '5'`),
      );
      expect(() => reader({ count: -Infinity }).integer('count', 7, { min: 0, unlimited: true })).toThrow(RangeError);
    });
  });

  describe('number', () => {
    const range = { min: 0.01, max: 1 };

    it.each([0.01, 0.5, 1])('takes %d', (value) => {
      expect(reader({ ratio: value }).number('ratio', 0.9, range)).toBe(value);
    });

    it('falls back when it is not given', () => {
      expect(reader({}).number('ratio', 0.9, range)).toBe(0.9);
    });

    it.each<Refusal>([
      ...NOT_A_NUMBER.map(([what, value, shown]): Refusal => {
        return [what, value, TypeError, `thing: ratio must be a number from 0.01 to 1, got ${shown}`];
      }),
      ['NaN', NaN, RangeError, 'thing: ratio must be a number from 0.01 to 1, got NaN'],
      ['zero', 0, RangeError, 'thing: ratio must be a number from 0.01 to 1, got 0'],
      ['a negative number', -0.5, RangeError, 'thing: ratio must be a number from 0.01 to 1, got -0.5'],
      ['just too much', 1.0001, RangeError, 'thing: ratio must be a number from 0.01 to 1, got 1.0001'],
      ['Infinity', Infinity, RangeError, 'thing: ratio must be a number from 0.01 to 1, got Infinity'],
    ])('refuses %s', (_what, value, kind, words) => {
      const read = (): number => reader({ ratio: value }).number('ratio', 0.9, range);
      expect(read).toThrow(kind);
      expect(read).toThrow(words);
    });
  });

  describe('oneOf', () => {
    const words = ['fast', 'slow'] as const;

    it('accepts each of the words, and returns the default without one', () => {
      expect(reader({ mode: 'slow' }).oneOf('mode', 'fast', words)).toBe('slow');
      expect(reader({}).oneOf('mode', 'fast', words)).toBe('fast');
    });

    it.each<readonly [string, unknown, string]>([
      ['another word', 'Fast', `'Fast'`],
      ['an empty string', '', `''`],
      ...NOT_A_NUMBER.slice(2),
    ])('refuses %s', (_what, value, shown) => {
      const read = (): string => reader({ mode: value }).oneOf('mode', 'fast', words);
      expect(read).toThrow(TypeError);
      expect(read).toThrow(`thing: mode must be one of 'fast', 'slow', got ${shown}`);
    });

    it('refuses null', () => {
      expect(() => reader({ mode: null }).oneOf('mode', 'fast', words)).toThrow(`got null`);
    });
  });

  describe('optionalFunction', () => {
    it('takes a function, or none', () => {
      const factory = (): void => undefined;
      expect(reader({ factory }).optionalFunction('factory')).toBe(factory);
      expect(reader({}).optionalFunction('factory')).toBeUndefined();
    });

    it.each([
      ['null', null],
      ['a string', 'factory'],
      ['a number', 0],
      ['an object', {}],
      ['an array', []],
      ['false', false],
    ])('refuses %s', (_what, value) => {
      const read = (): unknown => reader({ factory: value }).optionalFunction('factory');
      expect(read).toThrow(TypeError);
      expect(read).toThrow(/^thing: factory must be a function, got /);
    });
  });

  describe('optionalObject', () => {
    it('takes an object, or none', () => {
      const nested = { x: 1 };
      expect(reader({ nested }).optionalObject('nested')).toBe(nested);
      expect(reader({}).optionalObject('nested')).toBeUndefined();
    });

    it.each([
      ['null', null],
      ['a string', 'x'],
      ['a number', 1],
      ['an array', []],
      ['a function', () => undefined],
      ['true', true],
    ])('refuses %s', (_what, value) => {
      const read = (): unknown => reader({ nested: value }).optionalObject('nested');
      expect(read).toThrow(TypeError);
      expect(read).toThrow(/^thing: nested must be an object, got /);
    });
  });

  it('does not modify the options', () => {
    const options = Object.freeze({ count: 5, nested: Object.freeze({ x: 1 }) });
    const read = reader(options);
    read.integer('count', 1, { min: 0 });
    read.optionalObject('nested');
    expect(options).toEqual({ count: 5, nested: { x: 1 } });
  });
});
