import { setTimeout as delay } from 'node:timers/promises';
import { startEchoServer } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import type { Endings, LoadMessage, LoadOptions, LoadOrder } from './children/load-contract.js';

const STALL_MS = 6_000;
const RECOVER_MS = 1_500;
const MAX_GROWTH_MB = 48;
const CALLS_PER_SECOND = 2_000;

class Load extends Program<LoadMessage> {
  constructor(options: LoadOptions) {
    super('stalls/children/load', options, ['--expose-gc']);
  }

  order(order: LoadOrder): void {
    this.tell(order);
  }
}

function sum(endings: Endings): number {
  return Object.values(endings).reduce((total, count) => total + count, 0);
}

describe('a server that is stopped for six seconds under 2,000 calls a second of 4 KB, default options', () => {
  it.each([
    ['no deadline', undefined],
    ['a deadline of 1 s', 1_000],
    ['a deadline of 250 ms', 250],
  ])('costs little memory, settles every call, and is well again at once; %s', async (name, deadlineMs) => {
    await using server = await startEchoServer();
    await using load = new Load({
      target: server.target,
      callsPerSecond: CALLS_PER_SECOND,
      callsPerSecondAfterwards: CALLS_PER_SECOND / 4,
      requestBytes: 4_096,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    await load.hear('warm');
    server.pause();
    load.order({ kind: 'stalled' });
    await delay(STALL_MS);
    // The order first: what the process measures must not count what comes once the server goes on.
    load.order({ kind: 'resumed', atMs: Date.now() });
    server.resume();
    await delay(RECOVER_MS);
    load.order({ kind: 'finish' });
    const report = await load.hear('report');
    const { growth, stats, endedWhileStalled, endedAfterwards } = report;
    console.log(
      `${name}: RSS +${growth.rss.toFixed(1)} MB (peak +${growth.peakRss.toFixed(1)}), heap +${growth.heap.toFixed(1)} MB (peak +${growth.peakHeap.toFixed(1)}); ` +
        `first success after ${report.firstSuccessMs} ms; faults ${JSON.stringify(report.faults)}; ` +
        `ended while stalled ${JSON.stringify(endedWhileStalled)}, afterwards ${JSON.stringify(endedAfterwards)}`,
    );

    // The stall was real, and the load went on through it.
    expect(endedWhileStalled['OK'] ?? 0).toBeLessThan(1_000);
    expect(report.offeredWhileStalled).toBeGreaterThan((CALLS_PER_SECOND * STALL_MS) / 1_000 / 2);
    expect(growth.peakRss).toBeLessThan(MAX_GROWTH_MB);
    expect(growth.peakHeap).toBeLessThan(MAX_GROWTH_MB);

    // Here the time is the requirement.
    expect(report.firstSuccessMs).not.toBeNull();
    expect(report.firstSuccessMs).toBeLessThan(1_000);
    expect(endedAfterwards).not.toHaveProperty('INTERNAL');
    expect(endedWhileStalled).not.toHaveProperty('INTERNAL');

    expect(report.callbacks).toBe(report.offeredCalls);
    expect(stats).toEqual({
      startedCalls: report.offeredCalls,
      endedCalls: report.offeredCalls,
      inFlightCalls: 0,
      queuedCalls: 0,
      queuedBytes: 0,
      shedCalls: stats.shedCalls,
    });
    expect(sum(report.endedBefore) + sum(endedWhileStalled) + sum(endedAfterwards)).toBe(report.offeredCalls);
  });
});
