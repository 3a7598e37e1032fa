import { describe, expect, it } from 'vitest';
import { circuitBreaker } from './circuit-breaker.js';
import { resolveCircuitBreakerOptions } from './options.js';

describe('the options of a circuit breaker', () => {
  it('have defaults', () => {
    expect(resolveCircuitBreakerOptions(undefined)).toEqual({
      key: undefined,
      errorThresholdRatio: 0.5,
      volumeThreshold: 20,
      windowMs: 10_000,
      resetTimeoutMs: 30_000,
      probeTimeoutMs: 10_000,
      slowCallMs: Infinity,
      slowCallRatio: 0.5,
      isFailure: expect.any(Function),
      maxKeys: 1_000,
      restore: {},
    });
  });

  it.each([
    [{ volume: 5 }, "circuitBreaker: unknown option 'volume'"],
    [{ key: 'method' }, "circuitBreaker: key must be a function, got 'method'"],
    [{ errorThresholdRatio: 50 }, 'circuitBreaker: errorThresholdRatio must be a number from 0.01 to 1, got 50'],
    [{ errorThresholdRatio: 0 }, 'circuitBreaker: errorThresholdRatio must be a number from 0.01 to 1, got 0'],
    [{ volumeThreshold: 0 }, 'circuitBreaker: volumeThreshold must be a number from 1 to 1000000, got 0'],
    [{ windowMs: 99 }, 'circuitBreaker: windowMs must be a number from 100 to 86400000, got 99'],
    [{ resetTimeoutMs: Infinity }, 'circuitBreaker: resetTimeoutMs must be a number from 1 to 86400000, got Infinity'],
    [{ probeTimeoutMs: Infinity }, 'circuitBreaker: probeTimeoutMs must be a number from 1 to 86400000, got Infinity'],
    [{ slowCallMs: 0 }, 'circuitBreaker: slowCallMs must be a number of at least 1, or Infinity, got 0'],
    [{ slowCallRatio: 2 }, 'circuitBreaker: slowCallRatio must be a number from 0.01 to 1, got 2'],
    [{ isFailure: 14 }, 'circuitBreaker: isFailure must be a function, got 14'],
    [{ maxKeys: 1e9 }, 'circuitBreaker: maxKeys must be a number from 1 to 100000, got 1000000000'],
    [{ restore: [] }, 'circuitBreaker: restore must be an object, got []'],
    [{ restore: { a: 5 } }, "circuitBreaker: restore['a'] must be an object, as states() gives it, got 5"],
    [
      { restore: { a: { state: 'shut' } } },
      "circuitBreaker: restore['a'].state must be 'closed', 'open' or 'half-open', got 'shut'",
    ],
    [
      { restore: { a: { state: 'open', calls: 1, failures: 1, errorRatio: 2 } } },
      "circuitBreaker: restore['a'].errorRatio must be a number from 0 to 1, got 2",
    ],
    [
      { restore: { a: { state: 'open', calls: '1', failures: 1, errorRatio: 1 } } },
      "circuitBreaker: restore['a'].calls must be a number of at least 0, got '1'",
    ],
    [
      { restore: { a: { state: 'open', calls: 1, failures: 1, errorRatio: 1 } } },
      "circuitBreaker: restore['a'].nextProbeAt must be given for what is open, got undefined",
    ],
    [
      { restore: { a: { state: 'open', calls: 1, failures: 1, errorRatio: 1, nextProbeAt: NaN } } },
      "circuitBreaker: restore['a'].nextProbeAt must be a number of at least 0, got NaN",
    ],
  ])('are refused when they are wrong: %j', (options, message) => {
    expect(() => circuitBreaker(options as never)).toThrow(message);
  });

  it('leave alone what a newer version may have added to a state', () => {
    const restore = { a: { state: 'closed', calls: 0, failures: 0, errorRatio: 0, colour: 'red' } as const };
    expect(resolveCircuitBreakerOptions({ restore }).restore).toEqual(restore);
  });
});
