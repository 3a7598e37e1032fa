import { FakeClock } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { CollectedWarnings } from './abandoned.js';
import { openStreamOf, type OpenStream } from './open-stream.js';
import { StreamRecord } from './stream-record.js';

let clock: FakeClock;
let warnings: CollectedWarnings;
let emitWarning: MockInstance<(warning: string) => void>;

beforeEach(() => {
  clock = new FakeClock();
  warnings = new CollectedWarnings(clock);
  emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

afterEach(() => {
  emitWarning.mockRestore();
});

function stream(name: string, openedAt?: string): OpenStream {
  const record = new StreamRecord({ method: `/test.Test/${name}`, kind: 'bidi' }, clock, () => {}, openedAt);
  clock.advance(1_500);
  return openStreamOf(record);
}

const warned = (): string[] => emitWarning.mock.calls.splice(0).map(([message]) => message);

describe('warnings of collected streams', () => {
  it('name method, age and line of the first at once', () => {
    warnings.add(stream('A', 'main (app.js:1:2)'));
    expect(warned()).toEqual([
      expect.stringContaining('/test.Test/A (bidi), open for 1500 ms, opened at main (app.js:1:2).'),
    ]);
  });

  it('say how the line can be known where it is not', () => {
    warnings.add(stream('A'));
    expect(warned()).toEqual([expect.stringContaining('captureStack: true')]);
  });

  it('count those that follow, and are no more than one a minute', () => {
    for (const name of ['A', 'B', 'C']) warnings.add(stream(name));
    expect(warned()).toHaveLength(1);
    clock.advance(60_000);
    expect(warned()).toEqual([expect.stringMatching(/^2 more scoped streams .*\/test\.Test\/C/)]);
    warnings.add(stream('D'));
    expect(warned()).toEqual([]);
    clock.advance(60_000);
    expect(warned()).toEqual([expect.stringMatching(/^1 more/)]);
  });

  it('leave no timer after a quiet minute, and never hold the process', () => {
    warnings.add(stream('A'));
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([1, 0]);
    clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
    warnings.add(stream('B'));
    expect(warned()).toHaveLength(2);
  });
});
