import { describe, expect, it } from 'vitest';
import { awaitedStream, type AwaitedConnection } from './awaited-stream.js';

function connection(more: Partial<AwaitedConnection> = {}): AwaitedConnection {
  const state = more.state ?? 'ready';
  return { state, isLive: state === 'ready', usedStreams: 0, maxConcurrentStreams: 100, limitedBy: 'server', ...more };
}

describe('what a call waits for', () => {
  it.each<[what: string, of: AwaitedConnection[], lastError: string | undefined, expected: object]>([
    ['a connection when there is none', [], undefined, { waitedFor: 'connection' }],
    ['a connection, with the last error', [], 'refused', { waitedFor: 'connection', lastConnectionError: 'refused' }],
    [
      'a connection while it is being made, has failed or drains',
      [connection({ state: 'connecting' }), connection({ state: 'failed' }), connection({ state: 'draining' })],
      undefined,
      { waitedFor: 'connection' },
    ],
    [
      'a connection when all are ejected',
      [connection({ state: 'failed', isLive: true })],
      'an error from before',
      { waitedFor: 'connection', lastConnectionError: 'every connection is ejected' },
    ],
    [
      'a stream when all are in use, by the widest limit and whose it is',
      [
        connection({ usedStreams: 5, maxConcurrentStreams: 5, limitedBy: 'maxStreamsPerChannel' }),
        connection({ usedStreams: 8, maxConcurrentStreams: 8 }),
        connection({ state: 'draining', usedStreams: 9 }),
      ],
      'an error from before',
      { waitedFor: 'stream', usedStreams: 13, streamCapacity: 13, limit: 8, limitedBy: 'server' },
    ],
    [
      'a stream when the server allows none',
      [connection({ maxConcurrentStreams: 0 })],
      undefined,
      { waitedFor: 'stream', usedStreams: 0, streamCapacity: 0, limit: 0, limitedBy: 'server' },
    ],
    [
      'a stream when more are in use than the server allows by now',
      [connection({ usedStreams: 5, maxConcurrentStreams: 2 })],
      undefined,
      { waitedFor: 'stream', usedStreams: 5, streamCapacity: 2, limit: 2, limitedBy: 'server' },
    ],
    [
      'a sign of life when streams are free',
      [connection({ usedStreams: 5 })],
      undefined,
      { waitedFor: 'sign-of-life', usedStreams: 5, streamCapacity: 100 },
    ],
  ])('is %s', (_what, of, lastError, expected) => {
    expect(awaitedStream(of, lastError)).toEqual(expected);
  });
});
