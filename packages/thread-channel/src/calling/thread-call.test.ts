import { Metadata, status, type InterceptingListener, type StatusObject } from '@grpc/grpc-js';
import { DeadlineTimers } from '@grpc-manifold/core/internal';
import { FakeClock } from '@grpc-manifold/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Record } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import { BatchWriter } from '../wire/batch-writer.js';
import { READ_AHEAD, WRITE_AHEAD } from '../wire/credit.js';
import { readMetadata } from '../wire/metadata-record.js';
import { ThreadCall } from './thread-call.js';
import type { ThreadConnection } from './thread-connection.js';

const NUMBER = 7;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const statusOf = (code: status, details = ''): StatusObject => ({ code, details, metadata: new Metadata() });

/** The wall clock of a stage when it starts. */
const STARTED_MS = new FakeClock().now();

/** A call on a scripted connection: the test plays the thread. */
class Stage {
  readonly received: (number | string)[] = [];
  readonly statuses: StatusObject[] = [];
  readonly writer = new BatchWriter();
  readonly clock = new FakeClock();
  readonly deadlines = new DeadlineTimers<ThreadCall>(this.clock, (call) => call.deadlinePassed());
  entered = 0;
  left = 0;
  onMessage: () => void = () => undefined;
  readonly call: ThreadCall;
  #isIn = false;

  constructor(deadline: Date | number = Infinity, { isLost = false, isClosed = false } = {}) {
    const connection = {
      number: NUMBER,
      isLost,
      error: { message: 'its thread is gone' },
      peer: '127.0.0.1:1',
      authContext: null,
      open: () => {
        this.writer.mark();
        return this.writer;
      },
      undo: () => this.writer.undo(),
      addCall: (call: ThreadCall) => {
        call.id = 1;
        this.entered += 1;
        this.#isIn = true;
      },
      removeCall: () => {
        if (this.#isIn) this.left += 1;
        this.#isIn = false;
      },
    } as unknown as ThreadConnection;
    const channel = {
      callCredentials: undefined,
      isMember: true,
      deadlines: this.deadlines,
      getTarget: () => 'dns:target',
      connectionForCall: () => (isClosed ? undefined : connection),
    };
    this.call = new ThreadCall(channel, '/a/B', deadline, 'authority', null, null);
  }

  readonly listener: InterceptingListener = {
    onReceiveMetadata: () => this.received.push('headers'),
    onReceiveMessage: (message: Buffer) => {
      this.received.push(message.length);
      this.onMessage();
    },
    onReceiveStatus: (ending) => {
      this.received.push(`status ${ending.code}`);
      this.statuses.push(ending);
    },
  };

  start(): this {
    this.call.start(new Metadata(), this.listener);
    return this;
  }

  /** The kinds of the records that the call has written since the last look. */
  takeRecords(): number[] {
    const from = new BatchReader(this.writer.take());
    const records: number[] = [];
    for (let record = from.u8(); record !== Record.End; record = from.u8()) {
      records.push(record);
      expect(from.u32()).toBe(1);
      skip(record, from);
    }
    return records;
  }
}

function skip(record: number, from: BatchReader): void {
  switch (record) {
    case Record.Start: {
      expect(from.u32()).toBe(NUMBER);
      const flags = from.u8();
      from.text();
      if (flags & 1) from.f64();
      if (flags & 2) from.text();
      readMetadata(from);
      return;
    }
    case Record.Message:
      from.u32();
      from.u8();
      from.payload();
      return;
    case Record.Cancel:
      from.f64();
      from.text();
      return;
    case Record.Consumed:
      from.u32();
      from.f64();
  }
}

describe('the messages and the status of a call', () => {
  it('come in order, one message for each read, and the status after the last message', async () => {
    const stage = new Stage().start();
    stage.call.onMessage(Buffer.alloc(1));
    stage.call.onMessage(Buffer.alloc(2));
    stage.call.onStatus(statusOf(status.OK), false);
    expect(stage.received).toEqual([]);
    stage.call.startRead();
    await turn();
    expect(stage.received).toEqual([1]);
    stage.call.startRead();
    await turn();
    expect(stage.received).toEqual([1, 2, 'status 0']);
    expect([stage.entered, stage.left]).toEqual([1, 1]);
  });

  it('come at once when a read is pending, and never synchronously within startRead', async () => {
    const stage = new Stage().start();
    stage.call.startRead();
    stage.call.startRead();
    stage.call.onMessage(Buffer.alloc(1));
    stage.call.onMessage(Buffer.alloc(2));
    expect(stage.received).toEqual([1]);
    stage.call.startRead();
    expect(stage.received).toEqual([1]);
    await turn();
    expect(stage.received).toEqual([1, 2]);
  });

  it('let an error wait for the messages that the reader still reads', async () => {
    const stage = new Stage().start();
    stage.onMessage = () => stage.call.startRead();
    stage.call.startRead();
    for (let size = 1; size <= 5; size += 1) stage.call.onMessage(Buffer.alloc(size));
    stage.call.onStatus(statusOf(status.ABORTED), false);
    await turn();
    await turn();
    expect(stage.received).toEqual([1, 2, 3, 4, 5, 'status 10']);
  });

  it('deliver an error without the messages before it when the reader has stopped', async () => {
    const stage = new Stage().start();
    stage.call.onMessage(Buffer.alloc(1));
    stage.call.onStatus(statusOf(status.ABORTED), true);
    await turn();
    await turn();
    expect(stage.received).toEqual(['status 10']);
    expect(stage.call.neverActedOn).toBe(true);
  });

  it('grant the thread new credit at half the limit, in messages and in bytes', () => {
    const stage = new Stage().start();
    stage.onMessage = () => stage.call.startRead();
    stage.call.startRead();
    stage.takeRecords();
    for (let count = 0; count < READ_AHEAD.messages / 2 - 1; count += 1) stage.call.onMessage(Buffer.alloc(1));
    expect(stage.takeRecords()).toEqual([]);
    stage.call.onMessage(Buffer.alloc(1));
    expect(stage.takeRecords()).toEqual([Record.Consumed]);
    stage.call.onMessage(Buffer.alloc(READ_AHEAD.bytes / 2));
    expect(stage.takeRecords()).toEqual([Record.Consumed]);
  });
});

describe('a message that a call writes', () => {
  it('is acknowledged before the connection has written it, up to a number of messages', async () => {
    const stage = new Stage().start();
    let acknowledged = 0;
    const callback = (): void => void (acknowledged += 1);
    for (let count = 0; count < WRITE_AHEAD.messages + 3; count += 1) {
      stage.call.sendMessageWithContext({ callback }, Buffer.alloc(1));
    }
    await turn();
    expect(acknowledged).toBe(WRITE_AHEAD.messages);
    stage.call.onWritten(WRITE_AHEAD.messages);
    expect(acknowledged).toBe(WRITE_AHEAD.messages);
    stage.call.onWritten(2);
    expect(acknowledged).toBe(WRITE_AHEAD.messages + 2);
  });

  it('is acknowledged before the connection has written it, up to a number of bytes', async () => {
    const stage = new Stage().start();
    let acknowledged = 0;
    const callback = (): void => void (acknowledged += 1);
    stage.call.sendMessageWithContext({ callback }, Buffer.alloc(WRITE_AHEAD.bytes));
    stage.call.sendMessageWithContext({ callback }, Buffer.alloc(1));
    await turn();
    expect(acknowledged).toBe(1);
    stage.call.onWritten(2);
    expect(acknowledged).toBe(2);
  });

  it('is acknowledged when the call ends, and after its end', async () => {
    const stage = new Stage().start();
    let acknowledged = 0;
    const callback = (): void => void (acknowledged += 1);
    for (let count = 0; count < 30; count += 1) stage.call.sendMessageWithContext({ callback }, Buffer.alloc(1));
    stage.call.cancelWithStatus(status.CANCELLED, 'enough');
    stage.call.sendMessageWithContext({ callback }, Buffer.alloc(1));
    await turn();
    expect(acknowledged).toBe(31);
  });

  it('may be written before the start', () => {
    const stage = new Stage();
    stage.call.sendMessageWithContext({}, Buffer.alloc(1));
    stage.call.halfClose();
    stage.start();
    expect(stage.takeRecords()).toEqual([Record.Start, Record.Message, Record.HalfClose]);
  });
});

describe('a call', () => {
  it('that is cancelled before its start is never sent to the thread', async () => {
    const stage = new Stage();
    stage.call.cancelWithStatus(status.CANCELLED, 'too early');
    stage.start();
    await turn();
    expect(stage.statuses).toEqual([expect.objectContaining({ code: status.CANCELLED, details: 'too early' })]);
    expect([stage.takeRecords(), stage.entered]).toEqual([[], 0]);
  });

  it.each([
    ['a closed channel', { isClosed: true }, 'Channel closed before call started'],
    ['a lost connection', { isLost: true }, 'its thread is gone'],
  ])('that is started on %s is UNAVAILABLE', async (_name, options, details) => {
    const stage = new Stage(Infinity, options).start();
    expect(stage.statuses).toEqual([]);
    await turn();
    expect(stage.statuses).toEqual([expect.objectContaining({ code: status.UNAVAILABLE, details })]);
    expect(stage.entered).toBe(0);
  });

  it('has one status and is released once, for events in any order', async () => {
    const actions = {
      headers: ({ call }: Stage) => call.onHeaders(new Metadata()),
      message: ({ call }: Stage) => call.onMessage(Buffer.alloc(1)),
      ok: ({ call }: Stage) => call.onStatus(statusOf(status.OK), false),
      error: ({ call }: Stage) => call.onStatus(statusOf(status.ABORTED), false),
      lost: ({ call }: Stage) => call.onThreadEnd('gone'),
      written: ({ call }: Stage) => call.onWritten(1),
      read: ({ call }: Stage) => call.startRead(),
      write: ({ call }: Stage) => call.sendMessageWithContext({ callback: () => undefined }, Buffer.alloc(9_000)),
      halfClose: ({ call }: Stage) => call.halfClose(),
      cancel: ({ call }: Stage) => call.cancelWithStatus(status.CANCELLED, ''),
      turn: () => turn(),
    } as const;
    const names = Object.keys(actions) as (keyof typeof actions)[];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...names), { maxLength: 25, size: 'max' }),
        fc.boolean(),
        async (steps, readsOn) => {
          const stage = new Stage().start();
          if (readsOn) stage.onMessage = () => stage.call.startRead();
          for (const step of steps) await actions[step](stage);
          stage.call.onThreadEnd('in the end');
          for (let left = 4; left > 0; left -= 1) await turn();
          expect(stage.statuses).toHaveLength(1);
          expect(stage.received.at(-1)).toMatch(/status/);
          expect([stage.entered, stage.left]).toEqual([1, 1]);
        },
      ),
      { seed: 20_261_128, numRuns: 500 },
    );
  });
});

describe('several operations on a call at once', () => {
  it('deliver one message for each read', async () => {
    const stage = new Stage().start();
    for (const length of [1, 2, 3]) stage.call.onMessage(Buffer.alloc(length));
    stage.call.startRead();
    stage.call.startRead();
    await turn();
    expect(stage.received).toEqual([1, 2]);
  });

  it('are sent in order: those before the start first, then those that come while the first are sent', async () => {
    const stage = new Stage();
    const taken: string[] = [];
    const send = (text: string): void =>
      stage.call.sendMessageWithContext({ callback: () => taken.push(text) }, Buffer.alloc(WRITE_AHEAD.bytes, text));
    for (const text of ['a', 'b']) send(text);
    stage.start();
    send('c');
    stage.call.halfClose();
    expect(stage.takeRecords()).toEqual([Record.Start, Record.Message]);
    await turn();
    // The first message was acknowledged before it was written.
    expect(stage.takeRecords()).toEqual([Record.Message]);
    stage.call.onWritten(2);
    expect(stage.takeRecords()).toEqual([Record.Message, Record.HalfClose]);
    stage.call.onWritten(1);
    await turn();
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('end with the status even when the listener throws for a message', async () => {
    const stage = new Stage().start();
    stage.onMessage = () => {
      throw new Error('not that one');
    };
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
    const others = process.listeners('uncaughtException').slice(0, -1);
    for (const other of others) process.removeListener('uncaughtException', other);
    stage.call.onMessage(Buffer.alloc(1));
    stage.call.onStatus(statusOf(status.OK), false);
    stage.call.startRead();
    expect(await thrown).toMatchObject({ message: 'not that one' });
    for (const other of others) process.on('uncaughtException', other);
    expect(stage.received).toEqual([1, 'status 0']);
  });
});

describe('the deadline of a call', () => {
  it('ends the call before it is sent when it has passed already', async () => {
    const stage = new Stage(STARTED_MS - 1).start();
    await turn();
    expect(stage.statuses).toMatchObject([
      { code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded after 0.000s,before it was sent' },
    ]);
    expect([stage.takeRecords(), stage.entered]).toEqual([[], 0]);
  });

  it.each([
    ['', 0],
    [', though the wall clock was set back', -3_600_000],
    [', though the wall clock was set forward', 3_600_000],
  ])('is enforced by the thread first, and 50 ms later by the calling thread%s', async (_what, wallClockStepMs) => {
    const stage = new Stage(STARTED_MS + 60_000).start();
    stage.clock.stepWallClock(wallClockStepMs);
    stage.clock.advance(60_000);
    await turn();
    expect(stage.received).toEqual([]);
    stage.clock.advance(50);
    await turn();
    expect(stage.received).toEqual([`status ${status.DEADLINE_EXCEEDED}`]);
    expect(stage.takeRecords()).toEqual([Record.Start, Record.Cancel]);
    expect(stage.left).toBe(1);
  });

  it('has no timer after the call has ended', () => {
    const stage = new Stage(STARTED_MS + 60_000).start();
    expect(stage.deadlines.size).toBe(1);
    stage.call.onStatus(statusOf(status.OK), false);
    expect([stage.deadlines.size, stage.clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe('a message for which no memory can be allocated', () => {
  it('ends its call, and leaves no partial record', () => {
    const stage = new Stage().start();
    stage.writer.payload = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    const before = stage.writer.length;
    let settled = 0;
    stage.call.sendMessageWithContext({ callback: () => (settled += 1) }, Buffer.alloc(9));
    const from = new BatchReader(stage.writer.take());
    for (let read = 0; read < before; read += 1) from.u8();
    expect([from.u8(), from.u32(), from.f64()]).toEqual([Record.Cancel, 1, status.RESOURCE_EXHAUSTED]);
    expect([stage.entered, stage.left]).toEqual([1, 1]);
  });
});
