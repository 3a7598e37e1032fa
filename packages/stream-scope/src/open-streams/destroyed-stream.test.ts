import { PassThrough, Readable, Writable } from 'node:stream';
import { FakeClock } from '@grpc-manifold/testing';
import { describe, expect, it, vi } from 'vitest';
import { cancelWhenDestroyed } from './destroyed-stream.js';
import { openStreams } from './open-stream.js';

const STATUS = { code: 0, details: '' };

/** As grpc-js makes them: messages come by `push`, the status by an event. */
const MAKE = {
  'server-stream': () => new Readable({ objectMode: true, read() {} }),
  'client-stream': () => new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done() }),
  bidi: () => new PassThrough({ objectMode: true }),
} as const;
type Kind = keyof typeof MAKE;
const KINDS = Object.keys(MAKE) as Kind[];

function tied(kind: Kind) {
  const stream = Object.assign(MAKE[kind](), { cancel: vi.fn() });
  const before = stream.eventNames().length;
  const count = cancelWhenDestroyed(stream, { method: '/test.Test/Any', kind }, cancelWhenDestroyed, {
    clock: new FakeClock(),
  });
  return { stream, count, before };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(KINDS)('a %s that is tied', (kind) => {
  it('is listed until its status, and then has no listener of ours', () => {
    const { stream, before } = tied(kind);
    expect(openStreams().map((open) => open.kind)).toEqual([kind]);
    stream.emit('status', STATUS);
    expect(openStreams()).toEqual([]);
    expect(stream.eventNames().length).toBe(before);
  });

  it('is cancelled once when it is destroyed, and has no listener left after its status', async () => {
    const { stream, before } = tied(kind);
    stream.destroy();
    await turn();
    expect(stream.cancel).toHaveBeenCalledOnce();
    expect(openStreams()).toHaveLength(1);
    expect(() => stream.emit('error', new Error('1 CANCELLED'))).not.toThrow();
    stream.emit('status', STATUS);
    expect(stream.eventNames().length).toBe(before);
    expect(openStreams()).toEqual([]);
  });

  it('throws an error that nobody listens for, as without us', () => {
    const { stream } = tied(kind);
    expect(() => stream.emit('error', new Error('14 UNAVAILABLE'))).toThrow('UNAVAILABLE');
    stream.emit('status', STATUS);
  });

  it('is not cancelled when it is destroyed after its status', async () => {
    const { stream } = tied(kind);
    stream.emit('status', STATUS);
    stream.destroy();
    await turn();
    expect(stream.cancel).not.toHaveBeenCalled();
  });

  it('counts what it is told of', () => {
    const { stream, count } = tied(kind);
    count?.sent();
    count?.received();
    expect(openStreams()).toEqual([expect.objectContaining({ sentMessages: 1, receivedMessages: 1 })]);
    stream.emit('status', STATUS);
  });

  it('is tied once', () => {
    const { stream } = tied(kind);
    const again = cancelWhenDestroyed(stream, { method: '/x/y', kind });
    expect(again).toBeUndefined();
    expect(openStreams()).toHaveLength(1);
    stream.emit('status', STATUS);
  });
});

describe('a stream that is tied', () => {
  it('is not cancelled when it was read to its end, though an error that threw kept its status from us', async () => {
    const { stream } = tied('server-stream');
    (stream as Readable).push(null);
    (stream as Readable).resume();
    await turn();
    expect(stream.cancel).not.toHaveBeenCalled();
    expect(openStreams()).toEqual([]);
  });

  it('waits for its response when it was written and ended', async () => {
    const { stream } = tied('client-stream');
    (stream as Writable).end({});
    await turn();
    expect(stream.destroyed).toBe(true);
    expect(stream.cancel).not.toHaveBeenCalled();
    expect(openStreams()).toHaveLength(1);
    openStreams()[0]?.cancel();
    expect(stream.cancel).toHaveBeenCalledOnce();
    stream.emit('status', STATUS);
  });
});
