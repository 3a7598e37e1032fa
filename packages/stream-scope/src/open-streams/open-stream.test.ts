import { FakeClock } from '@grpc-manifold/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openStreams } from './open-stream.js';
import { StreamRecord } from './stream-record.js';
import { addRecord, allRecords, recordOf, removeRecord } from './stream-records.js';

const identity = { method: '/test.Test/Watch', kind: 'server-stream' } as const;

afterEach(() => {
  for (const record of allRecords()) removeRecord(record);
});

describe('openStreams', () => {
  it('lists what is open, oldest first, with ages and counts', () => {
    const clock = new FakeClock();
    const first = new StreamRecord(identity, clock, () => {}, 'main (file:///app.js:1:2)');
    addRecord({}, first);
    clock.advance(100);
    first.sent();
    first.received();
    first.received();
    clock.advance(20);
    addRecord({}, new StreamRecord({ method: '/test.Test/Chat', kind: 'bidi' }, clock, () => {}));
    clock.advance(3);
    expect(openStreams()).toEqual([
      {
        ...identity,
        ageMs: 123,
        idleMs: 23,
        sentMessages: 1,
        receivedMessages: 2,
        openedAt: 'main (file:///app.js:1:2)',
        cancel: expect.any(Function),
      },
      expect.objectContaining({ method: '/test.Test/Chat', ageMs: 3, idleMs: 3, sentMessages: 0 }),
    ]);
  });

  it('gives snapshots that nobody can change and that stay as they were', () => {
    const record = new StreamRecord(identity, new FakeClock(), () => {});
    addRecord({}, record);
    const seen = openStreams();
    record.sent();
    removeRecord(record);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.sentMessages).toBe(0);
    expect(Object.isFrozen(seen) && Object.isFrozen(seen[0])).toBe(true);
    expect(openStreams()).toEqual([]);
  });

  it('cancels the stream that a snapshot is of', () => {
    const cancel = vi.fn();
    addRecord({}, new StreamRecord(identity, new FakeClock(), cancel));
    openStreams()[0]?.cancel();
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('knows a stream by the object that grpc-js made for it', () => {
    const stream = {};
    const record = new StreamRecord(identity, new FakeClock(), () => {});
    addRecord(stream, record);
    expect(recordOf(stream)).toBe(record);
    expect(recordOf({})).toBeUndefined();
  });
});
