import { Metadata, status, type InterceptingListener } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { BatchWriter } from '../wire/batch-writer.js';
import { HostedCall } from './hosted-call.js';
import type { HostedChannel } from './hosted-channel.js';

/** A call in a thread whose grpc-js the test is. */
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
    tellOtherEnd: () => undefined,
    tellSight: () => undefined,
  } as unknown as HostedChannel;
  const ended: HostedCall[] = [];
  const host = {
    open: () => new BatchWriter(),
    soon: (callback: () => void) => callback(),
    ended: (each: HostedCall) => void ended.push(each),
  };
  const request = { method: '/a/B', deadlineMs: Infinity, host: null, hasCredentials: false };
  const call = new HostedCall(1, channel, host, request);
  call.start(new Metadata());
  return {
    asked,
    call,
    ended,
    end: () => listener?.onReceiveStatus({ code: status.OK, details: '', metadata: new Metadata() }),
    take: () => taken?.(),
  };
}

describe('a call in a thread', () => {
  it('sends one message after the other, and then the end', () => {
    const { asked, call, take } = setUp();
    for (const text of ['a', 'b']) call.send(Buffer.from(text), 0, true);
    call.halfClose();
    expect(asked).toEqual(['a']);
    take();
    expect(asked).toEqual(['a', 'b', 'half close']);
  });

  it('sends nothing more behind its status', () => {
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

  it('sends nothing more behind a cancel', () => {
    const { asked, call, take } = setUp();
    for (const text of ['a', 'b']) call.send(Buffer.from(text), 0, true);
    call.cancel(status.CANCELLED, '');
    take();
    expect(asked).toEqual(['a', 'cancel', 'cancel']);
  });
});
