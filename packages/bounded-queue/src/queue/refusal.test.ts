import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { explain } from '@grpc-manifold/core';
import { queueRefusal, type QueueFacts } from './refusal.js';

const FACTS: QueueFacts = {
  limits: { maxQueuedCalls: 5, maxQueuedBytes: 1_024, maxQueueTimeMs: 30_000 },
  queuedCalls: 4,
  queuedBytes: 1_000,
  inFlightCalls: 40,
  waitedMs: 29.6,
};

describe('queueRefusal', () => {
  it.each([
    ['queue-full', 5, '4 calls wait (maxQueuedCalls 5)'],
    ['queue-bytes', 1_024, '1000 bytes wait (maxQueuedBytes 1024)'],
    ['queue-time', 30_000, 'waited 30 ms (maxQueueTimeMs 30000)'],
  ] as const)('names the bound and the numbers of %s, in words and structured', (refusedBy, limit, reason) => {
    const waited = refusedBy === 'queue-time' ? '' : ', waited 30 ms';
    const refusal = queueRefusal(refusedBy, FACTS);
    expect(refusal.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(refusal.details).toBe(
      `Refused before it was sent, ${refusedBy}: ${reason}; 40 calls in flight, 4 queued${waited}`,
    );
    expect(explain(refusal)).toEqual({
      refusedBy,
      limit,
      queueWaitMs: 30,
      inFlightCalls: 40,
      queuedCalls: 4,
      from: 'object',
    });
  });

  it.each([
    ['bronze', 'bronze'],
    ['x'.repeat(1_000), `${'x'.repeat(63)}…`],
  ])('names the partition and its share of the bound', (key, shown) => {
    const partition = { key, ratio: 0.25, queuedCalls: 3, inFlightCalls: 7 };
    const refusal = queueRefusal('share', { ...FACTS, partition });
    expect(refusal.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(refusal.details).toBe(
      `Refused before it was sent, share: 3 calls of partition '${shown}' wait and 7 are in flight, ` +
        'its share of maxQueuedCalls 5 is 1; 40 calls in flight, 4 queued, waited 30 ms',
    );
    expect(explain(refusal)).toEqual({
      refusedBy: 'share',
      limit: 1,
      queueWaitMs: 30,
      inFlightCalls: 40,
      queuedCalls: 4,
      from: 'object',
    });
  });

  it('can be explained after an interceptor rebuilt it', () => {
    const { code, details, metadata } = queueRefusal('queue-full', FACTS);
    expect(explain({ code, details, metadata })).toMatchObject({ refusedBy: 'queue-full', limit: 5 });
  });
});
