import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { idleClose, keepalive } from '@grpc-manifold/connection-policy';
import type { CallInfo, ConnectionPolicy, PolicyReview } from '@grpc-manifold/core';
import { poolView } from '@grpc-manifold/testing';
import {
  CHANNEL_POOL_OPTION_NAMES,
  resolveChannelPoolOptions,
  type ChannelPoolOptions,
  type ResolvedChannelPoolOptions,
} from './options.js';
import { PICKER_NAMES } from '../pickers/index.js';
import type { MemberView, Picker } from '../pickers/picker.js';

const DEFAULTS: ResolvedChannelPoolOptions = {
  minChannels: 1,
  maxChannels: 10,
  maxDrainingChannels: 10,
  maxStreamsPerChannel: undefined,
  growAtRatio: 0.9,
  shrinkAfterMs: 60_000,
  connectTimeoutMs: 20_000,
  silenceTimeoutMs: 60_000,
  picker: 'least-streams',
  affinity: undefined,
  queue: {
    maxQueuedCalls: 1_000,
    maxQueuedBytes: 67_108_864,
    maxQueueTimeMs: 30_000,
    order: 'fifo',
    priority: undefined,
    partition: undefined,
    shares: undefined,
  },
  policies: [{ name: 'idleClose', review: expect.any(Function) as () => never }],
  ejectOutliers: true,
  onDispose: 'drain',
  drainTimeoutMs: 5_000,
  closeTimeoutMs: Infinity,
  keepsMinChannels: false,
  channelOptions: {},
  channelFactory: undefined,
};

/** What each option takes, in the words of its errors. */
const TAKES = {
  minChannels: 'a number from 0 to 1000',
  maxChannels: 'a number from 1 to 1000',
  maxDrainingChannels: 'a number from 1 to 1000',
  maxStreamsPerChannel: 'a number from 1 to 1000',
  growAtRatio: 'a number from 0.01 to 1',
  connectTimeoutMs: 'a number of at least 1, or Infinity',
  silenceTimeoutMs: 'a number of at least 1000, or Infinity',
  shrinkAfterMs: 'a number of at least 1, or Infinity',
  picker: `one of ${PICKER_NAMES.map((name) => `'${name}'`).join(', ')}`,
  affinity: 'a function',
  queue: 'an object',
  policies: 'a list',
  ejectOutliers: 'true or false',
  onDispose: `one of 'drain', 'cancel'`,
  drainTimeoutMs: 'a number of at least 0, or Infinity',
  channelOptions: 'an object',
  channelFactory: 'a function',
} as const satisfies Record<keyof ChannelPoolOptions, string>;
type Name = keyof typeof TAKES;

const SAMPLES = {
  null: null,
  string: 'ten',
  numericString: '10',
  emptyString: '',
  boolean: true,
  bigint: 10n,
  symbol: Symbol('ten'),
  array: [10],
  object: { ten: 10 },
  function: () => 10,
  zero: 0,
  negative: -1,
  fraction: 1.5,
  NaN: NaN,
  Infinity: Infinity,
  minusInfinity: -Infinity,
  tooLarge: 1_001,
  number: 5,
} as const;
type Sample = keyof typeof SAMPLES;

const NO_NUMBERS = [
  'null',
  'string',
  'numericString',
  'emptyString',
  'boolean',
  'bigint',
  'symbol',
  'array',
  'object',
  'function',
] as const;

/** The bad values of each option: those of the wrong type, and those out of its range. */
const BAD: Record<Name, { readonly types: readonly Sample[]; readonly range: readonly Sample[] }> = {
  minChannels: { types: NO_NUMBERS, range: ['negative', 'fraction', 'NaN', 'Infinity', 'minusInfinity', 'tooLarge'] },
  maxChannels: {
    types: NO_NUMBERS,
    range: ['zero', 'negative', 'fraction', 'NaN', 'Infinity', 'minusInfinity', 'tooLarge'],
  },
  maxDrainingChannels: {
    types: NO_NUMBERS,
    range: ['zero', 'negative', 'fraction', 'NaN', 'Infinity', 'minusInfinity', 'tooLarge'],
  },
  maxStreamsPerChannel: {
    types: NO_NUMBERS,
    range: ['zero', 'negative', 'fraction', 'NaN', 'Infinity', 'minusInfinity', 'tooLarge'],
  },
  growAtRatio: {
    types: NO_NUMBERS,
    range: ['zero', 'negative', 'fraction', 'NaN', 'Infinity', 'minusInfinity', 'tooLarge'],
  },
  connectTimeoutMs: { types: NO_NUMBERS, range: ['zero', 'negative', 'NaN', 'minusInfinity'] },
  silenceTimeoutMs: { types: NO_NUMBERS, range: ['zero', 'negative', 'fraction', 'NaN', 'minusInfinity'] },
  shrinkAfterMs: { types: NO_NUMBERS, range: ['zero', 'negative', 'NaN', 'minusInfinity'] },
  drainTimeoutMs: { types: NO_NUMBERS, range: ['negative', 'NaN', 'minusInfinity'] },
  picker: { types: [...NO_NUMBERS, 'zero', 'NaN'], range: [] },
  onDispose: { types: [...NO_NUMBERS, 'zero', 'NaN'], range: [] },
  queue: {
    types: ['null', 'string', 'emptyString', 'boolean', 'bigint', 'symbol', 'array', 'function', 'zero', 'NaN'],
    range: [],
  },
  policies: { types: [...NO_NUMBERS.filter((sample) => sample !== 'array'), 'zero', 'NaN'], range: [] },
  ejectOutliers: { types: [...NO_NUMBERS.filter((sample) => sample !== 'boolean'), 'zero', 'number'], range: [] },
  channelOptions: {
    types: ['null', 'string', 'emptyString', 'boolean', 'bigint', 'symbol', 'array', 'function', 'zero', 'NaN'],
    range: [],
  },
  affinity: {
    types: ['null', 'string', 'emptyString', 'boolean', 'bigint', 'symbol', 'array', 'object', 'zero', 'NaN'],
    range: [],
  },
  channelFactory: {
    types: ['null', 'string', 'emptyString', 'boolean', 'bigint', 'symbol', 'array', 'object', 'zero', 'NaN'],
    range: [],
  },
};

const CASES = CHANNEL_POOL_OPTION_NAMES.flatMap((name) => [
  ...BAD[name].types.map((sample) => [name, sample, TypeError] as const),
  ...BAD[name].range.map((sample) => [name, sample, RangeError] as const),
]);

/** The value as an error shows it, or the beginning of that. */
function shown(sample: Sample): string {
  return sample === 'function' ? '[Function' : inspect(SAMPLES[sample]);
}

const NOTHING: PolicyReview = { actions: [], nextReviewMs: Infinity };

function resolve(options: unknown): ResolvedChannelPoolOptions {
  return resolveChannelPoolOptions(options as ChannelPoolOptions);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) deepFreeze(each);
    Object.freeze(value);
  }
  return value;
}

describe('resolveChannelPoolOptions', () => {
  it('fills in every default', () => {
    expect(resolve(undefined)).toEqual(DEFAULTS);
    expect(resolve({})).toEqual(DEFAULTS);
  });

  it('takes an option that is undefined for one that is not given', () => {
    expect(resolve(Object.fromEntries(CHANNEL_POOL_OPTION_NAMES.map((name) => [name, undefined])))).toEqual(DEFAULTS);
  });

  it('has a row for every option in the table below', () => {
    expect(Object.keys(BAD).sort()).toEqual([...CHANNEL_POOL_OPTION_NAMES].sort());
    expect(Object.keys(DEFAULTS).sort()).toEqual(
      [...CHANNEL_POOL_OPTION_NAMES, 'closeTimeoutMs', 'keepsMinChannels'].sort(),
    );
  });

  it.each(CASES)('refuses %s that is %s, naming the option, what it takes and the value', (name, sample, kind) => {
    const bad = (): unknown => resolve({ [name]: SAMPLES[sample] });
    expect(bad).toThrow(kind);
    const takes =
      sample === 'fraction' ? TAKES[name].replace(/^a number from (?=[01] )/, 'a whole number from ') : TAKES[name];
    expect(bad).toThrow(`ChannelPool: ${name} must be ${takes}, got ${shown(sample)}`);
  });

  it.each([
    ['minChannels', 0],
    ['minChannels', 10],
    ['maxChannels', 1],
    ['maxChannels', 1_000],
    ['maxDrainingChannels', 1],
    ['maxDrainingChannels', 1_000],
    ['maxStreamsPerChannel', 1],
    ['maxStreamsPerChannel', 1_000],
    ['growAtRatio', 0.01],
    ['growAtRatio', 1],
    ['connectTimeoutMs', 1],
    ['connectTimeoutMs', 1.5],
    ['connectTimeoutMs', Infinity],
    ['silenceTimeoutMs', 1_000],
    ['silenceTimeoutMs', Infinity],
    ['drainTimeoutMs', 0],
    ['drainTimeoutMs', 0.5],
    ['drainTimeoutMs', Infinity],
    ['shrinkAfterMs', 1],
    ['shrinkAfterMs', Infinity],
    ['picker', 'least-streams'],
    ['picker', 'power-of-two'],
    ['picker', 'round-robin'],
    ['picker', 'peak-ewma'],
    ['onDispose', 'drain'],
    ['onDispose', 'cancel'],
    ['policies', []],
    ['policies', [{ name: 'watcher' }]],
    ['ejectOutliers', true],
    ['ejectOutliers', false],
    ['channelOptions', { 'grpc.keepalive_time_ms': 10_000 }],
    ['channelFactory', () => undefined],
  ] as const)('takes %s %j', (name, value) => {
    expect(resolve({ [name]: value })[name]).toEqual(value);
  });

  it('takes a picker and an affinity of the user as they are', () => {
    class First implements Picker {
      pick([first]: readonly MemberView[]): MemberView | undefined {
        return first;
      }
    }
    const [picker, affinity] = [new First(), (call: CallInfo) => call.host];
    expect(resolve({ picker, affinity })).toMatchObject({ affinity });
    expect(resolve({ picker, affinity }).picker).toBe(picker);
  });

  it.each<[unknown]>([[{ pick: 5 }], [{ choose: resolve }], [resolve]])('refuses the picker %o', (picker) => {
    expect(() => resolve({ picker })).toThrow(TypeError);
    expect(() => resolve({ picker })).toThrow(`ChannelPool: picker must be ${TAKES.picker}`);
  });

  describe('policies', () => {
    it('are idleClose() alone unless they are given', () => {
      const [policy, ...others] = resolve({}).policies;
      expect(others).toEqual([]);
      expect(policy?.review?.(poolView({}, { idleMs: 300_000 }), 0).actions).toMatchObject([{ kind: 'close' }]);
    });

    it('are taken as they are, in their order, in a list of its own', () => {
      const policies: ConnectionPolicy[] = [keepalive(), { name: 'own', review: () => NOTHING }, idleClose()];
      const resolved = resolve({ policies }).policies;
      expect(resolved).not.toBe(policies);
      expect(resolved.map((policy, index) => policy === policies[index])).toEqual([true, true, true]);
    });

    it.each([
      ['a name', 'idleClose', `policies must be objects with a name, as idleClose() makes them, got 'idleClose'`],
      ['null', null, 'policies must be objects with a name, as idleClose() makes them, got null'],
      [
        'what makes a policy',
        idleClose,
        'policies must be objects with a name, as idleClose() makes them, got [Function: idleClose]',
      ],
      ['no name', {}, 'policies must be objects with a name, as idleClose() makes them, got {}'],
      [
        'an empty name',
        { name: '' },
        `policies must be objects with a name, as idleClose() makes them, got { name: '' }`,
      ],
      ['a review that is none', { name: 'own', review: 5 }, 'review of the policy own must be a function, got 5'],
      [
        'options that are no function',
        { name: 'own', channelOptions: {} },
        'channelOptions of the policy own must be a function, got {}',
      ],
    ])('may not be %s', (_what, policy, words) => {
      expect(() => resolve({ policies: [idleClose(), policy] })).toThrow(TypeError);
      expect(() => resolve({ policies: [idleClose(), policy] })).toThrow(`ChannelPool: ${words}`);
    });

    it('may not share a name', () => {
      expect(() => resolve({ policies: [keepalive(), idleClose(), keepalive()] })).toThrow(
        new TypeError(`ChannelPool: policies must have names of their own, got 'keepalive' twice`),
      );
    });
  });

  it.each([
    ['null', null],
    ['a number', 5],
    ['a string', 'maxChannels'],
    ['a boolean', true],
    ['an array', [{ maxChannels: 4 }]],
    ['a function', () => undefined],
  ])('refuses options that are %s', (_what, options) => {
    expect(() => resolve(options)).toThrow(TypeError);
    expect(() => resolve(options)).toThrow('ChannelPool: options must be an object, got ');
  });

  it.each(['maxChannel', 'MaxChannels', 'target', '', 'grpc.keepalive_time_ms'])(
    'refuses the unknown option %j',
    (name) => {
      expect(() => resolve({ [name]: 1 })).toThrow(TypeError);
      expect(() => resolve({ [name]: 1 })).toThrow(
        `ChannelPool: unknown option '${name}'; known are ${CHANNEL_POOL_OPTION_NAMES.join(', ')}`,
      );
    },
  );

  describe('queue', () => {
    it('takes what the queue takes', () => {
      expect(resolve({ queue: { maxQueuedCalls: 5 } }).queue).toEqual({ ...DEFAULTS.queue, maxQueuedCalls: 5 });
    });

    it.each([
      [{ maxQueuedCalls: -1 }, RangeError, 'maxQueuedCalls must be a number from 0 to 10000000, or Infinity, got -1'],
      [
        { maxQueuedCalls: 0.5 },
        RangeError,
        'maxQueuedCalls must be a whole number from 0 to 10000000, or Infinity, got 0.5',
      ],
      [{ maxQueuedBytes: '1' }, TypeError, `maxQueuedBytes must be a number of at least 0, or Infinity, got '1'`],
      [{ maxQueueTimeMs: 0 }, RangeError, 'maxQueueTimeMs must be a number of at least 1, or Infinity, got 0'],
      [{ maxQueueTimeMs: NaN }, RangeError, 'maxQueueTimeMs must be a number of at least 1, or Infinity, got NaN'],
      [{ limit: 5 }, TypeError, `unknown option 'limit'`],
    ])('refuses %j', (queue, kind, words) => {
      expect(() => resolve({ queue })).toThrow(kind);
      expect(() => resolve({ queue })).toThrow(`queue: ${words}`);
    });
  });

  describe('minChannels and maxChannels', () => {
    it.each([
      ['neither', {}, [1, 10]],
      ['the most alone', { maxChannels: 4 }, [1, 4]],
      ['a most of one', { maxChannels: 1 }, [1, 1]],
      ['the least alone', { minChannels: 4 }, [4, 10]],
      ['a least beyond the default of the most', { minChannels: 20 }, [20, 20]],
      ['none to keep', { minChannels: 0 }, [0, 10]],
      ['none to keep and one at most', { minChannels: 0, maxChannels: 1 }, [0, 1]],
      ['a fixed number', { minChannels: 4, maxChannels: 4 }, [4, 4]],
    ])('go together with %s', (_what, options, range) => {
      const resolved = resolve(options);
      expect([resolved.minChannels, resolved.maxChannels]).toEqual(range);
    });

    it.each([
      [2, 1],
      [5, 4],
      [1_000, 999],
    ])('are refused when the least, %d, is more than the most, %d', (minChannels, maxChannels) => {
      expect(() => resolve({ minChannels, maxChannels })).toThrow(
        new RangeError(
          `ChannelPool: minChannels must be a whole number from 0 to maxChannels (${maxChannels}), got ${minChannels}`,
        ),
      );
    });
  });

  it('changes nothing of what it is given, and keeps no hold on it', () => {
    const channelOptions = { 'grpc.primary_user_agent': 'test' };
    const options = { maxChannels: 4, queue: { maxQueuedCalls: 5 }, channelOptions };
    const before = structuredClone(options);
    const resolved = resolve(deepFreeze(options));
    expect(options).toEqual(before);
    expect(resolved).toMatchObject(before);
    expect(resolved.channelOptions).not.toBe(channelOptions);
    expect(resolved.queue).not.toBe(options.queue);
  });
});
