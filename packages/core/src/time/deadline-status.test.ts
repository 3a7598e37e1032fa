import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { deadlineStatus } from './deadline-status.js';
import { explain } from '../explanation/explain.js';
import type { CallExplanation } from '../explanation/explanation.js';

const PEER = '10.0.0.1:443';

describe('the status of a deadline that has passed', () => {
  it.each<[words: string, explanation: CallExplanation]>([
    ['on connection 3 to 10.0.0.1:443', { channelId: 3 }],
    ['before it was sent', { neverSent: true }],
    [
      'waiting for a stream: 200 of 200 in use, limit 100 a connection by server; never sent',
      { waitedFor: 'stream', usedStreams: 200, streamCapacity: 200, limit: 100, limitedBy: 'server', neverSent: true },
    ],
    [
      'waiting for a stream: 0 of 0 in use, limit 0 a connection by server; never sent',
      { waitedFor: 'stream', usedStreams: 0, streamCapacity: 0, limit: 0, limitedBy: 'server', neverSent: true },
    ],
    [
      'waiting for a sign of life: 3 of 100 streams in use; never sent',
      { waitedFor: 'sign-of-life', usedStreams: 3, streamCapacity: 100, neverSent: true },
    ],
    ['waiting for a connection: none is ready yet; never sent', { waitedFor: 'connection', neverSent: true }],
    [
      'waiting for a connection: connect ECONNREFUSED 10.0.0.1:443; never sent',
      { waitedFor: 'connection', lastConnectionError: 'connect ECONNREFUSED 10.0.0.1:443', neverSent: true },
    ],
    [
      'waiting for call credentials on connection 3 to 10.0.0.1:443; never sent',
      { waitedFor: 'credentials', channelId: 3, neverSent: true },
    ],
    [
      'waiting in the queue: 7 in flight, limit 7; never sent',
      { waitedFor: 'slot', inFlightCalls: 7, limit: 7, neverSent: true },
    ],
  ])('says: %s', (words, explanation) => {
    const made = deadlineStatus(1_234.4, explanation, PEER);
    expect([made.code, made.details]).toEqual([status.DEADLINE_EXCEEDED, `Deadline exceeded after 1.234s,${words}`]);
    expect(explain(made)).toEqual({ ...explanation, from: 'object' });
  });
});
