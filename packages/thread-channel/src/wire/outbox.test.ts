import { FakeClock, settled } from '@grpc-manifold/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from './batch.js';
import { BatchReader } from './batch-reader.js';
import { Outbox } from './outbox.js';

describe('an outbox', () => {
  let clock: FakeClock;
  let posted: unknown[];
  let outbox: Outbox<string>;
  /** Which of the next messages the port refuses. */
  let refusals: ((list: readonly ArrayBuffer[] | undefined) => boolean)[];
  let broken: unknown[];

  beforeEach(() => {
    clock = new FakeClock();
    const out: unknown[] = [];
    posted = out;
    refusals = [];
    broken = [];
    const postMessage = (value: unknown, list?: readonly ArrayBuffer[]): void => {
      if (refusals.shift()?.(list) === true) throw new Error('it cannot be sent');
      out.push(value);
    };
    outbox = new Outbox<string>({ postMessage }, clock, (error) => broken.push(error));
  });

  async function turn(): Promise<void> {
    clock.advance(0);
    await settled();
  }

  const first = (batch: unknown): number => new BatchReader(batch as Batch).u8();

  it('sends the records of a turn as one batch at its end', async () => {
    outbox.open().u8(1);
    outbox.open().u8(2);
    expect(posted).toEqual([]);
    await turn();
    expect(posted).toHaveLength(1);
    const from = new BatchReader(posted[0] as Batch);
    expect([from.u8(), from.u8(), from.u8()]).toEqual([1, 2, 0]);
  });

  it('sends nothing when no record was written', async () => {
    await turn();
    expect(posted).toEqual([]);
  });

  it('sends the records before a message ahead of that message', async () => {
    outbox.open().u8(1);
    outbox.post('command');
    outbox.open().u8(2);
    await turn();
    expect(posted).toEqual([expect.anything(), 'command', expect.anything()]);
    expect([first(posted[0]), first(posted[2])]).toEqual([1, 2]);
  });

  it('sends a full batch before the end of the turn', () => {
    for (let count = 0; count < 200; count += 1) outbox.open().u8(1);
    expect(posted).toHaveLength(2);
    for (let count = 0; count < 5; count += 1) outbox.open().bytes(Buffer.alloc(100_000));
    expect(posted).toHaveLength(4);
  });

  it('calls beforeSending first, and sends its records in the same batch', async () => {
    let asked = 0;
    outbox.beforeSending = () => {
      asked += 1;
      outbox.open().u8(9);
    };
    outbox.open().u8(1);
    await turn();
    const from = new BatchReader(posted[0] as Batch);
    expect([from.u8(), from.u8(), from.u8(), asked]).toEqual([1, 9, 0, 1]);
    await turn();
    expect(posted).toHaveLength(1);
  });

  const always = (): boolean => true;

  it('sends further messages after a message that cannot be cloned', async () => {
    refusals = [always];
    expect(() => outbox.post('command')).toThrow('it cannot be sent');
    outbox.open().u8(1);
    await turn();
    outbox.open().u8(2);
    await turn();
    expect(posted.map(first)).toEqual([1, 2]);
    expect(broken).toEqual([]);
  });

  it('copies memory that cannot be transferred', async () => {
    refusals = [(list) => list !== undefined];
    outbox.open().u8(1);
    await turn();
    expect(posted.map(first)).toEqual([1]);
    expect(broken).toEqual([]);
  });

  it.each([
    ['at the end of a turn', 1],
    ['in the middle of one', 200],
  ])('tells once of a batch that cannot be sent at all, and sends nothing more: %s', async (_when, records) => {
    refusals = [always, always];
    for (let count = 0; count < records; count += 1) outbox.open().u8(1);
    await turn();
    outbox.open().u8(2);
    outbox.post('command');
    await turn();
    expect(posted).toEqual([]);
    expect(broken).toMatchObject([{ message: 'it cannot be sent' }]);
  });

  it('sends the complete records when beforeSending throws, without its partial record', async () => {
    outbox.beforeSending = () => {
      outbox.beforeSending = undefined;
      outbox.open().u8(9);
      throw new Error('asked in vain');
    };
    outbox.open().u8(1);
    expect(() => outbox.flush()).toThrow('asked in vain');
    outbox.open().u8(2);
    await turn();
    expect(posted.map((batch) => new Uint8Array((batch as Batch)[0]).subarray(0, 2))).toEqual([
      Uint8Array.of(1, 0),
      Uint8Array.of(2, 0),
    ]);
  });

  it('discards records after it is closed', async () => {
    outbox.open().u8(1);
    outbox.close();
    outbox.post('command');
    outbox.open().u8(2);
    await turn();
    expect(posted).toEqual([]);
  });
});
