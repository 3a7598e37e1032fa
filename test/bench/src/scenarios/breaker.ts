import { BYTES_PATH } from '../clients/bytes-service.js';
import { openCircuitBreaker } from '../clients/circuit-breaker.js';
import { openEmptyInterceptor } from '../clients/empty-interceptor.js';
import { openRaw } from '../clients/raw.js';
import type { UnaryClient } from '../clients/unary-client.js';
import { cellGoal } from '../cell-goal.js';
import { closedLoop } from '../load/closed-loop.js';
import { findCell, type Measurement, type Scenario } from '../scenario.js';
import { startUnaryServer } from '../servers/start-unary-server.js';

const CLOSED = 'closed';
const OPEN = 'open';
const DAY_MS = 86_400_000;

const CLIENTS: Readonly<Record<string, (port: number) => UnaryClient>> = {
  raw: openRaw,
  // What grpc-js itself takes for having any interceptor.
  'empty interceptor': openEmptyInterceptor,
  breaker: (port) => openCircuitBreaker(port, {}),
  'breaker with slow calls': (port) => openCircuitBreaker(port, { slowCallMs: 1_000 }),
};

/** A client whose circuit opened just now. */
function openRefusing(port: number): UnaryClient {
  const state = { state: 'open', calls: 20, failures: 20, errorRatio: 1, nextProbeAt: Date.now() + DAY_MS } as const;
  return openCircuitBreaker(port, { resetTimeoutMs: DAY_MS, restore: { [BYTES_PATH]: state } });
}

/** What a circuit breaker costs while it is closed, and how soon it refuses while it is open. */
export const breaker: Scenario = {
  name: 'breaker',
  work: 'unary 100 B, 64 at once, through a closed circuit (some 10,000 calls a round); one after the other at an open one',
  metrics: [
    { key: 'loopUs', title: 'event loop µs/call', digits: 1, ratio: true },
    { key: 'threadUs', title: 'thread CPU µs/call', digits: 1, ratio: true },
    { key: 'callsPerSecond', title: 'calls/s', digits: 0 },
    { key: 'p99Ms', title: 'p99 ms', digits: 3 },
    { key: 'failedCalls', title: 'failed', digits: 0 },
  ],
  baseline: 'raw',
  variants: Object.keys(CLIENTS),
  cases: [CLOSED, OPEN],
  rounds: { measured: 21, warmUp: 3 },

  async open(variants, { quick }) {
    const server = await startUnaryServer({});
    const request = Buffer.alloc(100);
    const measureMs = quick ? 200 : 1_000;
    return {
      variants: variants.map((name) => {
        const through = (CLIENTS[name] as (port: number) => UnaryClient)(server.port);
        const refusing = name === 'breaker' ? openRefusing(server.port) : undefined;
        const run = async (client: UnaryClient, concurrency: number): Promise<Measurement> => ({
          sample: {
            ...(await closedLoop((done) => client.send(request, {}, done), { concurrency, rampMs: 50, measureMs })),
          },
        });
        return {
          name,
          measure: async (caseName: string) =>
            caseName === CLOSED ? run(through, 64) : refusing === undefined ? undefined : run(refusing, 1),
          close: async () => {
            await through.close();
            await refusing?.close();
          },
        };
      }),
      close: () => server.stop(),
    };
  },

  goals(results) {
    const closed = findCell(results, 'breaker', CLOSED);
    const ratio = closed?.ratios['threadUs'];
    const failed = closed?.measurements.reduce((sum, { sample }) => sum + (sample['failedCalls'] ?? 0), 0);
    return [
      {
        text: 'a call through a closed circuit costs the calling thread at most 1.05 × raw',
        measured: ratio === undefined ? 'not measured' : `${ratio.median.toFixed(3)} ×`,
        reached: ratio && ratio.median <= 1.05,
      },
      {
        text: 'none of them fails',
        measured: failed === undefined ? 'not measured' : `${failed}`,
        reached: failed === undefined ? undefined : failed === 0,
      },
      cellGoal(OPEN, findCell(results, 'breaker', OPEN))(
        'callers wait less than 2 ms',
        'p99Ms',
        'ms (p99)',
        (value) => value < 2,
      ),
    ];
  },
};
