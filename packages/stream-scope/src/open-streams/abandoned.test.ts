import { collectGarbage, FakeClock } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { CollectedWarnings, watchForAbandonment } from './abandoned.js';
import { openStreamOf, type OpenStream } from './open-stream.js';
import { StreamRecord } from './stream-record.js';
import { addRecord, removeRecord } from './stream-records.js';
import { watchStreams, type StreamAlarm } from './stream-watch.js';

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

describe('a watched wrapper', () => {
  /** Makes a stream whose wrapper nobody holds. */
  function forget(cancel: () => void = () => {}): StreamRecord & { release(): void } {
    const record: StreamRecord = new StreamRecord({ method: '/test.Test/Forgotten', kind: 'bidi' }, clock, () => {
      removeRecord(record);
      cancel();
    });
    addRecord({}, record);
    return Object.assign(record, watchForAbandonment({}, record));
  }

  it('cancels its stream when it is collected, and tells every watch', async () => {
    const [alarms, cancel] = [[] as StreamAlarm[], vi.fn()];
    using _first = watchStreams({ onAlarm: (alarm) => alarms.push(alarm) });
    using _second = watchStreams({ onAlarm: (alarm) => alarms.push(alarm) });
    forget(cancel);
    clock.advance(5);
    expect(await collectGarbage(() => alarms.length === 2)).toBe(true);
    expect(cancel).toHaveBeenCalledOnce();
    const stream: unknown = expect.objectContaining({ method: '/test.Test/Forgotten', ageMs: 5 });
    expect(alarms).toEqual([
      { reason: 'collected', stream, open: 1 },
      { reason: 'collected', stream, open: 1 },
    ]);
    expect(warned()).toEqual([]);
  });

  it('is warned of where nobody watches', async () => {
    forget();
    expect(await collectGarbage(() => emitWarning.mock.calls.length > 0)).toBe(true);
    expect(warned()).toEqual([expect.stringContaining('/test.Test/Forgotten')]);
  });

  it('warns of a cancel that throws, where nobody could catch it', async () => {
    using _watch = watchStreams({ onAlarm() {} });
    forget(() => {
      throw new Error('broken interceptor');
    });
    expect(await collectGarbage(() => emitWarning.mock.calls.length > 0)).toBe(true);
    expect(warned()).toEqual([expect.stringContaining('broken interceptor')]);
  });

  it('is left alone after its release, and when its stream has ended', async () => {
    const alarms: StreamAlarm[] = [];
    using _watch = watchStreams({ onAlarm: (alarm) => alarms.push(alarm) });
    const released = forget();
    released.release();
    released.release();
    removeRecord(forget());
    forget();
    expect(await collectGarbage(() => alarms.length > 0)).toBe(true);
    expect(await collectGarbage(() => alarms.length > 1, 20)).toBe(false);
    removeRecord(released);
  });
});
