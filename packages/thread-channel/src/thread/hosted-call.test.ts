import { Metadata, status, type InterceptingListener } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Record } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import { BatchWriter } from '../wire/batch-writer.js';
import { readStatus } from '../wire/status-record.js';
import { HostedCall } from './hosted-call.js';
import type { HostedChannel } from './hosted-channel.js';

/** A hosted call on a scripted grpc-js call. */
function setUp() {
  const asked: string[] = [];
  let listener: InterceptingListener | undefined;
  let taken: (() => void) | undefined;
  const inner = {
    start: (_metadata: Metadata, given: InterceptingListener) => {
      listener = given;
    },
    startRead: () => undefined,
    sendMessageWithContext: ({ callback }: { callback: () => void }, message: Buffer) => {
      asked.push(message.toString());
      taken = callback;
    },
    halfClose: () => asked.push('half close'),
    cancelWithStatus: () => asked.push('cancel'),
  };
  const channel = {
    connection: { nextStreamId: 1, neverActedOn: () => false },
    channel: { createCall: () => inner },
    sendPeer: () => undefined,
    sendSnapshot: () => undefined,
  } as unknown as HostedChannel;
  const ended: HostedCall[] = [];
  const told = new BatchWriter();
  const host = {
    open: () => told,
    soon: (callback: () => void) => callback(),
    onCallEnd: (each: HostedCall) => void ended.push(each),
  };
  const request = { method: '/a/B', deadlineMs: Infinity, host: null, hasCredentials: false };
  const call = new HostedCall(1, channel, host, request);
  call.start(new Metadata());
  return {
    asked,
    call,
    ended,
    inner,
    told,
    end: () => listener?.onReceiveStatus({ code: status.OK, details: '', metadata: new Metadata() }),
    take: () => taken?.(),
  };
}

describe('a call in a thread', () => {
  it('sends one message at a time, and half-closes after the last', () => {
    const { asked, call, take } = setUp();
    for (const text of ['a', 'b']) call.send(Buffer.from(text), 0, true);
    call.halfClose();
    expect(asked).toEqual(['a']);
    take();
    expect(asked).toEqual(['a', 'b', 'half close']);
  });

  it('sends nothing after its status', () => {
    const { asked, call, end, ended, take } = setUp();
    for (const text of ['a', 'b', 'c']) call.send(Buffer.from(text), 0, true);
    call.halfClose();
    end();
    take();
    call.send(Buffer.from('d'), 0, false);
    call.halfClose();
    expect(asked).toEqual(['a']);
    expect(ended).toEqual([call]);
  });

  it('ends once, with the error that grpc-js throws', () => {
    const { asked, call, end, ended, told, inner } = setUp();
    inner.sendMessageWithContext = () => {
      throw new Error('not now');
    };
    let thrown: unknown;
    try {
      call.send(Buffer.from('a'), 0, true);
    } catch (error) {
      thrown = error;
    }
    call.fail(thrown);
    call.fail(thrown);
    end();
    expect(asked).toEqual(['cancel']);
    expect(ended[0]).toBe(call);
    const from = new BatchReader(told.take());
    expect([from.u8(), from.u32(), from.u8()]).toEqual([Record.Status, 1, 0]);
    expect(readStatus(from)).toMatchObject({
      code: status.INTERNAL,
      details: 'The call failed in its thread: not now',
    });
    expect(from.u8()).toBe(Record.End);
  });

  it('sends nothing after a cancel', () => {
    const { asked, call, take } = setUp();
    for (const text of ['a', 'b']) call.send(Buffer.from(text), 0, true);
    call.cancel(status.CANCELLED, '');
    take();
    expect(asked).toEqual(['a', 'cancel', 'cancel']);
  });
});
