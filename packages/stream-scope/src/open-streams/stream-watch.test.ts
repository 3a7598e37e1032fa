import { AsyncLocalStorage } from 'node:async_hooks';
import { FakeClock } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openStreamOf, openStreams } from './open-stream.js';
import { StreamRecord } from './stream-record.js';
import { addRecord, allRecords, removeRecord } from './stream-records.js';
import { alarmCollected, watchStreams, type StreamAlarm, type WatchStreamsOptions } from './stream-watch.js';

let clock: FakeClock;
let alarms: StreamAlarm[];
const watches: Disposable[] = [];

function watch(options: Omit<WatchStreamsOptions, 'onAlarm'>, onAlarm?: WatchStreamsOptions['onAlarm']): Disposable {
  const made = watchStreams({ ...options, onAlarm: onAlarm ?? ((alarm) => alarms.push(alarm)) }, { clock });
  watches.push(made);
  return made;
}

function open(name: string): StreamRecord {
  const record = new StreamRecord({ method: `/test.Test/${name}`, kind: 'bidi' }, clock, () => removeRecord(record));
  addRecord({}, record);
  return record;
}

/** What was told since the last time, as 'reason name open'. */
function told(): string[] {
  return alarms.splice(0).map(({ reason, stream, open }) => `${reason} ${stream?.method.slice(11) ?? '-'} ${open}`);
}

/** Alarms of too many are told in a microtask. */
const microtask = (): Promise<void> => Promise.resolve();

beforeEach(() => {
  clock = new FakeClock();
  alarms = [];
});

afterEach(() => {
  for (const made of watches.splice(0)) made[Symbol.dispose]();
  for (const record of allRecords()) removeRecord(record);
  expect(clock.pendingTimers).toBe(0);
});

describe('a watch for too many streams', () => {
  it('tells once of the stream that is one too many, not of those after it', async () => {
    watch({ maxOpenStreams: 2 });
    for (const name of ['A', 'B', 'C', 'D']) open(name);
    await microtask();
    expect(told()).toEqual(['too-many C 3']);
  });

  it('tells again when they had been few enough in between', async () => {
    watch({ maxOpenStreams: 1 });
    const [, second, third] = [open('A'), open('B'), open('C')];
    removeRecord(third);
    open('D');
    await microtask();
    expect(told()).toEqual(['too-many B 2']);
    for (const name of ['E', 'F']) open(name);
    for (const record of [...allRecords()].slice(1)) removeRecord(record);
    removeRecord(second);
    open('G');
    await microtask();
    expect(told()).toEqual(['too-many G 2']);
  });

  it('tells of those that were too many when it began', async () => {
    open('A');
    watch({ maxOpenStreams: 0 });
    expect(told()).toEqual([]);
    await microtask();
    expect(told()).toEqual(['too-many - 1']);
  });

  it('tells after the stream was opened, so that its listener can cancel it', async () => {
    watch({ maxOpenStreams: 0 }, ({ stream }) => stream?.cancel());
    open('A');
    expect(openStreams()).toHaveLength(1);
    await microtask();
    expect(openStreams()).toHaveLength(0);
  });

  it('tells nothing that was still to be told when it was disposed', async () => {
    const made = watch({ maxOpenStreams: 0 });
    open('A');
    made[Symbol.dispose]();
    await microtask();
    expect(told()).toEqual([]);
  });
});

describe('a watch for too old streams', () => {
  it('tells of each once, when it becomes too old', () => {
    watch({ maxAgeMs: 1_000 });
    open('A');
    clock.advance(400);
    open('B');
    clock.advance(599);
    expect(told()).toEqual([]);
    clock.advance(1);
    expect(told()).toEqual(['too-old A 2']);
    clock.advance(399);
    expect(told()).toEqual([]);
    clock.advance(1);
    expect(told()).toEqual(['too-old B 2']);
    clock.advance(100_000);
    expect(told()).toEqual([]);
  });

  it('tells nothing of those that ended in time', () => {
    watch({ maxAgeMs: 1_000 });
    const first = open('A');
    clock.advance(500);
    open('B');
    removeRecord(first);
    clock.advance(999);
    expect(told()).toEqual([]);
    clock.advance(1);
    expect(told()).toEqual(['too-old B 1']);
  });

  it('tells of those that were too old when it began, and not at once', () => {
    open('A');
    clock.advance(5_000);
    open('B');
    watch({ maxAgeMs: 1_000 });
    expect(told()).toEqual([]);
    clock.advance(0);
    expect(told()).toEqual(['too-old A 2']);
    clock.advance(1_000);
    expect(told()).toEqual(['too-old B 2']);
  });

  it('has one timer however many are open, holds the process by none, and has none when none is left', () => {
    watch({ maxAgeMs: 1_000 });
    expect(clock.pendingTimers).toBe(0);
    for (let count = 0; count < 1_000; count += 1) {
      open(`S${count}`);
      clock.advance(0.5);
    }
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([1, 0]);
    for (const record of allRecords()) removeRecord(record);
    clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('looks no more often than once in a maximal age while short streams come and go', () => {
    const setTimer = vi.spyOn(clock, 'setTimer');
    watch({ maxAgeMs: 1_000 });
    for (let count = 0; count < 10_000; count += 1) {
      const record = open('A');
      clock.advance(1);
      removeRecord(record);
    }
    expect(setTimer.mock.calls.length).toBeLessThanOrEqual(11);
    expect(told()).toEqual([]);
  });

  it('goes on when its listener cancels what it is told of', () => {
    watch({ maxAgeMs: 1_000 }, (alarm) => {
      alarms.push(alarm);
      alarm.stream?.cancel();
    });
    for (const name of ['A', 'B']) open(name);
    clock.advance(1_000);
    expect(told()).toEqual(['too-old A 2', 'too-old B 1']);
  });

  it('leaves no timer when its listener disposes it', () => {
    const made: Disposable = watch({ maxAgeMs: 1_000 }, (alarm) => {
      alarms.push(alarm);
      made[Symbol.dispose]();
    });
    for (const name of ['A', 'B']) open(name);
    clock.advance(5_000);
    expect(told()).toEqual(['too-old A 2']);
  });
});

describe('a watch', () => {
  it('tells of a collected stream, as every other watch does', () => {
    watch({});
    watch({ maxAgeMs: 10_000 });
    expect(alarmCollected(openStreamOf(open('A')))).toBe(true);
    expect(told()).toEqual(['collected A 1', 'collected A 1']);
  });

  it('is not there when nobody watches', () => {
    expect(alarmCollected(openStreamOf(open('A')))).toBe(false);
  });

  it('tells in the async context of whoever watches, not of whoever opens streams', async () => {
    const who = new AsyncLocalStorage<string>();
    const contexts: (string | undefined)[] = [];
    who.run('operator', () => watch({ maxOpenStreams: 0, maxAgeMs: 10 }, () => contexts.push(who.getStore())));
    who.run('tenant', () => open('A'));
    await microtask();
    who.run('another', () => clock.advance(10));
    expect(contexts).toEqual(['operator', 'operator']);
  });

  it('warns when its listener throws, and goes on', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    watch({ maxOpenStreams: 0, maxAgeMs: 10 }, () => {
      throw new Error('broken listener');
    });
    open('A');
    await microtask();
    clock.advance(10);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      expect.stringContaining('broken listener'),
      expect.stringContaining('broken listener'),
    ]);
    warn.mockRestore();
  });

  it.each([
    [{}, TypeError, /watchStreams: onAlarm must be a function, got undefined/],
    [undefined, TypeError, /watchStreams: onAlarm must be a function/],
    [null, TypeError, /watchStreams: options must be an object, got null/],
    [{ onAlarm: 'log' }, TypeError, /onAlarm must be a function, got 'log'/],
    [{ onAlarm() {}, maxOpenStreams: -1 }, RangeError, /maxOpenStreams must be a number of at least 0, or Infinity/],
    [{ onAlarm() {}, maxOpenStreams: 1.5 }, RangeError, /maxOpenStreams must be a whole number/],
    [{ onAlarm() {}, maxAgeMs: 0 }, RangeError, /maxAgeMs must be a number of at least 1, or Infinity, got 0/],
    [{ onAlarm() {}, maxAgeMs: '5s' }, TypeError, /maxAgeMs must be a number/],
    [{ onAlarm() {}, maxAge: 5 }, TypeError, /unknown option 'maxAge'; known are maxOpenStreams, maxAgeMs, onAlarm/],
  ])('refuses %j', (options, kind, message) => {
    const make = (): Disposable => watchStreams(options as WatchStreamsOptions);
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
  });
});
