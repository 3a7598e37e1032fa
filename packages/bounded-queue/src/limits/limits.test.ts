import { describe, expect, it } from 'vitest';
import { aimdLimit, fixedLimit, gradientLimit, vegasLimit, type ConcurrencyLimit, type LimitSample } from './index.js';

/** So many calls, each admitted with the whole limit in flight unless told otherwise. */
function feed(limit: ConcurrencyLimit, calls: number, sample: Partial<LimitSample> = {}): void {
  for (let call = 0; call < calls; call += 1) {
    limit.onSample({ rttMs: 10, inFlight: limit.current, dropped: false, ...sample });
  }
}

describe('fixedLimit', () => {
  it.each([1, 100, 10_000_000, Infinity])('stays at %d whatever happens', (limit) => {
    const fixed = fixedLimit(limit);
    feed(fixed, 1_000, { dropped: true });
    expect(fixed.current).toBe(limit);
  });

  it.each([0, -1, 1.5, NaN, 10_000_001])('refuses %d', (limit) => {
    expect(() => fixedLimit(limit)).toThrow(RangeError);
    expect(() => fixedLimit(limit)).toThrow(
      /^fixedLimit: limit must be a (whole )?number from 1 to 10000000, or Infinity, got /,
    );
  });

  it.each([undefined, null, '10', {}])('refuses %s', (limit) => {
    expect(() => fixedLimit(limit as number)).toThrow(TypeError);
  });
});

describe('aimdLimit', () => {
  it.each<[what: string, sample: Partial<LimitSample>, after: number]>([
    ['grows by one after a round in use', {}, 21],
    ['grows by one when half of it is in use', { inFlight: 10 }, 21],
    ['stays where less than half of it is in use', { inFlight: 9 }, 20],
    ['is cut once for a round of dropped calls', { dropped: true }, 18],
    ['counts a call over the timeout as dropped', { rttMs: 501 }, 18],
    ['counts a call of just the timeout as answered', { rttMs: 500 }, 21],
    ['cuts also while little of it is in use', { inFlight: 1, dropped: true }, 18],
    ['learns nothing from what is no time', { rttMs: NaN }, 20],
    ['learns nothing from a time below zero', { rttMs: -1 }, 20],
  ])('%s', (_what, sample, after) => {
    const limit = aimdLimit({ timeoutMs: 500 });
    feed(limit, 20, sample);
    expect(limit.snapshot().limit).toBe(after);
  });

  it('stays within its bounds', () => {
    const limit = aimdLimit({ initialLimit: 10, minLimit: 8, maxLimit: 12 });
    feed(limit, 1_000);
    expect(limit.current).toBe(12);
    feed(limit, 1_000, { dropped: true });
    expect(limit.current).toBe(8);
  });

  it('shows the round that is under way', () => {
    const limit = aimdLimit();
    feed(limit, 3);
    feed(limit, 1, { dropped: true });
    expect(limit.snapshot()).toEqual({ limit: 18, samples: 4, dropped: 1 });
  });
});

describe('gradientLimit', () => {
  /** One that has measured 10 ms while quiet, with a limit of 100. */
  const measured = (): ReturnType<typeof gradientLimit> => {
    const limit = gradientLimit({ initialLimit: 100, probeRounds: 1_000_000 });
    feed(limit, 100, { inFlight: 40 });
    expect(limit.snapshot()).toMatchObject({ limit: 100, quietRttMs: 10 });
    return limit;
  };

  it.each<[what: string, sample: Partial<LimitSample>, gradient: number, after: number]>([
    ['grows by the smoothed root of itself', {}, 1, 102],
    ['grows while calls take no longer than is tolerated', { rttMs: 15 }, 1, 102],
    ['holds where the room to grow is what the queue takes', { rttMs: 15 / 0.9 }, 0.9, 100],
    ['shrinks when calls take longer', { rttMs: 20 }, 0.75, 97],
    ['cuts to a half at most, smoothed', { rttMs: 1_000 }, 0.5, 92],
    ['cuts to a half without smoothing when most calls are dropped', { dropped: true }, 0.5, 60],
    ['stays where less than half of it is in use', { inFlight: 49 }, 1, 100],
    ['stays where less than half of it is in use and calls are dropped', { inFlight: 49, dropped: true }, 1, 100],
    ['learns nothing from what is no time', { rttMs: NaN }, 1, 100],
    ['learns nothing from a time without end', { rttMs: Infinity }, 1, 100],
  ])('%s', (_what, sample, gradient, after) => {
    const limit = measured();
    feed(limit, 100, sample);
    expect(limit.snapshot().gradient).toBeCloseTo(gradient, 9);
    expect(limit.snapshot().limit).toBeCloseTo(after, 9);
  });

  it('takes the share of dropped calls off the gradient, and not their time', () => {
    const limit = measured();
    feed(limit, 80);
    feed(limit, 20, { dropped: true, rttMs: 5_000 });
    expect(limit.snapshot()).toMatchObject({ gradient: 0.8, limit: 98, roundRttMs: 10 });
  });

  it('grows faster the longer no queue shows', () => {
    const limit = measured();
    const steps: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const before = limit.snapshot().limit;
      feed(limit, Math.ceil(before));
      steps.push((limit.snapshot().limit - before) / Math.sqrt(before));
    }
    expect(steps.map((step) => Number(step.toFixed(3)))).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1]);
  });

  it('stays within its bounds', () => {
    const limit = gradientLimit({ initialLimit: 20, minLimit: 10, maxLimit: 30, probeRounds: 1_000_000 });
    feed(limit, 10_000);
    expect(limit.current).toBe(30);
    feed(limit, 10_000, { dropped: true });
    expect(limit.current).toBe(10);
  });
});

describe('vegasLimit', () => {
  /** One that has measured 10 ms while quiet, with a limit of 100: α is 6 calls there, β 12, a step 2. */
  const measured = (): ReturnType<typeof vegasLimit> => {
    const limit = vegasLimit({ initialLimit: 100, probeRounds: 1_000_000 });
    feed(limit, 100, { inFlight: 40 });
    expect(limit.snapshot()).toMatchObject({ limit: 100, quietRttMs: 10 });
    return limit;
  };
  /** What a call takes while so many of 100 queue. */
  const queueing = (calls: number): Partial<LimitSample> => ({ rttMs: 10 / (1 - calls / 100) });

  it.each<[what: string, sample: Partial<LimitSample>, after: number]>([
    ['grows by β while nothing queues', {}, 112],
    ['grows by β while next to nothing queues', queueing(1.9), 112],
    ['grows by a step below α', queueing(5), 102],
    ['holds between α and β', queueing(9), 100],
    ['shrinks by a step above β', queueing(13), 98],
    ['works off half of what is far above β', queueing(52), 80],
    ['is halved when every call is dropped', { dropped: true }, 50],
    ['stays where less than half of it is in use', { inFlight: 49 }, 100],
  ])('%s', (_what, sample, after) => {
    const limit = measured();
    feed(limit, 100, sample);
    expect(limit.snapshot().limit).toBeCloseTo(after, 9);
  });

  it('takes half the share of dropped calls off', () => {
    const limit = measured();
    feed(limit, 80, queueing(9));
    feed(limit, 20, { dropped: true, rttMs: 5_000 });
    expect(limit.snapshot().limit).toBeCloseTo(90, 9);
  });

  it('stays within its bounds', () => {
    const limit = vegasLimit({ initialLimit: 20, minLimit: 10, maxLimit: 30, probeRounds: 1_000_000 });
    feed(limit, 10_000);
    expect(limit.current).toBe(30);
    feed(limit, 10_000, { dropped: true });
    expect(limit.current).toBe(10);
  });
});

describe.each([
  ['gradientLimit', gradientLimit],
  ['vegasLimit', vegasLimit],
])('%s measures the quiet round trip', (_name, make) => {
  it('with half the limit, after so many rounds without quiet calls', () => {
    const limit = make({ initialLimit: 40, maxLimit: 40, probeRounds: 5 });
    feed(limit, 5 * 40 - 1);
    expect(limit.snapshot().isProbing).toBe(false);
    feed(limit, 1);
    expect(limit.current).toBe(20);
    // Calls that were under way when it began say nothing of a quiet server.
    feed(limit, 20, { inFlight: 40, rttMs: 30 });
    expect(limit.snapshot()).toMatchObject({ isProbing: true, quietRttMs: 10 });
    feed(limit, 20, { inFlight: 20, rttMs: 4 });
    expect(limit.snapshot()).toMatchObject({ isProbing: false, quietRttMs: 7 });
    expect(limit.current).toBe(40);
  });

  it('not by halving it while quiet calls come by themselves', () => {
    const limit = make({ probeRounds: 4 });
    feed(limit, 10_000, { inFlight: 10 });
    expect(limit.snapshot().isProbing).toBe(false);
  });

  it('out of turn when calls have become far slower', () => {
    const limit = make({ initialLimit: 20, minLimit: 20, probeRounds: 1_000 });
    feed(limit, 20, { inFlight: 5 });
    feed(limit, 60, { rttMs: 100, inFlight: 20 });
    expect(limit.snapshot().isProbing).toBe(true);
  });

  it('and ends the probe even if every call of it was dropped', () => {
    const limit = make({ initialLimit: 40, maxLimit: 40, probeRounds: 5 });
    feed(limit, 5 * 40);
    feed(limit, 20, { inFlight: 20, rttMs: 250, dropped: true });
    expect(limit.snapshot()).toMatchObject({ isProbing: false, quietRttMs: 10 });
  });

  it('and forgets one that was measured while connections were opened', () => {
    const limit = make();
    feed(limit, 20, { inFlight: 5, rttMs: 300 });
    feed(limit, 20, { inFlight: 20, rttMs: 10 });
    expect(limit.snapshot().quietRttMs).toBeLessThanOrEqual(10);
  });
});

describe('options of limits', () => {
  const BOTH = { roundCalls: 'a number from 1 to 1000000', probeRounds: 'a number from 4 to 1000000' };
  it.each<[make: (options: never) => ConcurrencyLimit, name: string, ranges: Record<string, string>]>([
    [
      aimdLimit,
      'aimdLimit',
      { backoffRatio: 'a number from 0.1 to 0.99', timeoutMs: 'a number of at least 1, or Infinity' },
    ],
    [
      gradientLimit,
      'gradientLimit',
      { ...BOTH, toleranceRatio: 'a number from 1 to 10', smoothingRatio: 'a number from 0.01 to 1' },
    ],
    [vegasLimit, 'vegasLimit', { ...BOTH, alpha: 'a number from 0.1 to 100', beta: 'a number from 3 to 1000' }],
  ])('%o refuses what is out of range', (make, name, ranges) => {
    const bounds = {
      minLimit: 'a number from 1 to 10000000',
      maxLimit: 'a number from 1 to 10000000',
      initialLimit: 'a number from 1 to 1000',
    };
    for (const [option, range] of Object.entries({ ...bounds, ...ranges })) {
      for (const value of [NaN, -1, 0, -Infinity]) {
        expect(() => make({ [option]: value } as never)).toThrow(
          new RangeError(`${name}: ${option} must be ${range}, got ${value}`),
        );
      }
      expect(() => make({ [option]: '5' } as never)).toThrow(
        new TypeError(`${name}: ${option} must be ${range}, got '5'`),
      );
    }
    for (const option of ['minLimit', 'maxLimit', 'initialLimit']) {
      expect(() => make({ [option]: 1.5 } as never)).toThrow(`${option} must be a whole number from `);
    }
    expect(() => make({ minLimits: 5 } as never)).toThrow(
      `${name}: unknown option 'minLimits'; known are initialLimit, `,
    );
    expect(() => make({ minLimit: 10, maxLimit: 9 } as never)).toThrow(
      'maxLimit must be a number from 10 to 10000000, got 9',
    );
    expect(() => make({ minLimit: 10, initialLimit: 9 } as never)).toThrow(
      'initialLimit must be a number from 10 to 1000, got 9',
    );
    expect(() => make(5 as never)).toThrow(`${name}: options must be an object, got 5`);
    expect(make({} as never).current).toBe(20);
    expect(make({ minLimit: 30 } as never).current).toBe(30);
    expect(make({ maxLimit: 5 } as never).current).toBe(5);
    expect(make({ minLimit: 2_000 } as never).current).toBe(2_000);
  });
});
