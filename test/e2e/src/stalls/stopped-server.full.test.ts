import { credentials, Metadata } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, timePasses } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import type { Endings, LoadMessage, LoadOptions, LoadOrder } from './children/load-contract.js';

const STALL_MS = 6_000;
/** In threads there are two heaps more that may be as full as they like before they are swept. */
const MAX_GROWTH_MB = process.env['MANIFOLD_THREADS'] === undefined ? 48 : 72;
const CALLS_PER_SECOND = 2_000;

class Load extends Program<LoadMessage> {
  constructor(options: LoadOptions) {
    super('stalls/children/load', options, ['--expose-gc']);
  }

  order(order: LoadOrder): void {
    this.tell(order);
  }
}

/** Waits until the server answers a plain client that it has never met. */
async function answerTo(target: string): Promise<void> {
  const client = new (loadEchoPackage().EchoClient)(target, credentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    client.unary({}, new Metadata({ waitForReady: true }), (error) => (error ? reject(error) : resolve()));
  });
  client.close();
}

function sum(endings: Endings): number {
  return Object.values(endings).reduce((total, count) => total + count, 0);
}

describe('a server that is stopped for six seconds under 2,000 calls a second of 4 KB, default options', () => {
  it.each([
    ['no deadline', undefined],
    ['a deadline of 1 s', 1_000],
    ['a deadline of 250 ms', 250],
  ])(
    'costs little memory, settles every call, and is well again; %s',
    { timeout: 60_000 },
    async (name, deadlineMs) => {
      await using server = await startEchoServer();
      await using load = new Load({
        target: server.target,
        callsPerSecond: CALLS_PER_SECOND,
        callsPerSecondAfterwards: 100,
        requestBytes: 4_096,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      });
      await load.hear('warm');
      server.pause();
      load.order({ kind: 'stalled' });
      await timePasses(STALL_MS, 'the load goes on while the server is stopped');
      load.order({ kind: 'calm' });
      await load.hear('calm');
      load.order({ kind: 'resumed', atMs: Date.now() });
      const resumedMs = performance.now();
      server.resume();
      await answerTo(server.target);
      const serverBackMs = performance.now() - resumedMs;
      await load.hear('well');
      load.order({ kind: 'finish' });
      const report = await load.hear('report');
      const { growth, stats, endedWhileStalled, endedAfterwards } = report;
      console.log(
        `${name}: RSS +${growth.rss.toFixed(1)} MB (peak +${growth.peakRss.toFixed(1)}), heap +${growth.heap.toFixed(1)} MB (peak +${growth.peakHeap.toFixed(1)}); ` +
          `first success after ${report.firstSuccessMs} ms (a fresh client: ${serverBackMs.toFixed(0)}); faults ${JSON.stringify(report.faults)}; ` +
          `ended while stalled ${JSON.stringify(endedWhileStalled)}, afterwards ${JSON.stringify(endedAfterwards)}`,
      );

      // The stall was real, and the load went on through it.
      expect(endedWhileStalled['OK'] ?? 0).toBeLessThan(1_000);
      expect(report.offeredWhileStalled).toBeGreaterThan((CALLS_PER_SECOND * STALL_MS) / 1_000 / 2);
      expect(growth.peakRss).toBeLessThan(MAX_GROWTH_MB);
      expect(growth.peakHeap).toBeLessThan(MAX_GROWTH_MB);

      expect(report.firstSuccessMs).not.toBeNull();
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
    },
  );
});
