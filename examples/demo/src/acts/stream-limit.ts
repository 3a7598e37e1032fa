import type { Act, ActResult, Both, Contestant, LoadModule } from '../act.js';
import { latestRow, row } from '../row.js';
import { count, duration, oneDecimal, statusCounts } from '../format.js';
import type { ConcurrencyPlan, ConcurrencyReport, ConcurrencySample } from '../loads/constant-concurrency.js';

const load: LoadModule<ConcurrencyPlan, ConcurrencySample, ConcurrencyReport> = {
  url: new URL('../loads/constant-concurrency.js', import.meta.url),
};

const MAX_CONCURRENT_STREAMS = 100;
const ANSWER_AFTER_MS = 50;
const CONCURRENT_CALLS = 1_000;
/** It takes this long until Node has compiled what runs here. */
const WARM_UP_SECONDS = 3;
const DEFAULT_SECONDS = 8;
/** How many times the plain client's rate is claimed for the pooled one. */
const CLAIMED_RATIO = 2;

/** A server that takes 100 streams a connection, under ten times as many calls. */
export const streamLimit: Act = {
  name: 'a',
  title: 'A server with a limit on streams',
  setting:
    `The server takes ${MAX_CONCURRENT_STREAMS} streams a connection and answers each call after ` +
    `${ANSWER_AFTER_MS} ms. ${count(CONCURRENT_CALLS)} calls are in flight at any time.`,

  async play(stage) {
    const seconds = stage.seconds ?? DEFAULT_SECONDS;
    const samples: Both<ConcurrencySample[]> = { plain: [], pooled: [] };
    const playOne = async (contestant: Contestant): Promise<ConcurrencyReport> => {
      // A server each: neither finds one that the other has warmed up or worn out.
      await using server = await stage.startServer({
        maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
        answerAfterMs: ANSWER_AFTER_MS,
      });
      const show = (): void => {
        stage.show({
          act: streamLimit,
          active: contestant,
          elapsedSeconds: samples[contestant].at(-1)?.atSeconds ?? 0,
          totalSeconds: seconds,
          rows: [
            latestRow('rate', samples, (sample) => `${count(sample.callsPerSecond)} calls/s`),
            latestRow('p50', samples, (sample) => duration(sample.p50Ms)),
            latestRow('p99', samples, (sample) => duration(sample.p99Ms)),
            latestRow('connections', samples, (sample) => count(sample.connections)),
          ],
          trend: {
            label: 'calls/s',
            plain: samples.plain.map((sample) => sample.callsPerSecond),
            pooled: samples.pooled.map((sample) => sample.callsPerSecond),
          },
        });
      };
      show();
      // Awaited here: the server must not be disposed of before.
      return await stage.runLoad(
        load,
        server,
        {
          contestant,
          target: server.target,
          concurrentCalls: CONCURRENT_CALLS,
          warmUpSeconds: WARM_UP_SECONDS,
          seconds,
        },
        (sample) => {
          samples[contestant].push(sample);
          show();
        },
      );
    };
    const [plain, pooled] = [await playOne('plain'), await playOne('pooled')];
    return result({ plain, pooled }, samples);
  },
};

function result(reports: Both<ConcurrencyReport>, samples: Both<readonly ConcurrencySample[]>): ActResult {
  const { plain, pooled } = reports;
  const ratio = pooled.callsPerSecond / plain.callsPerSecond;
  const internal = pooled.statuses['INTERNAL'] ?? 0;
  const rates = (contestant: Contestant) =>
    samples[contestant].map(({ atSeconds, callsPerSecond }) => [atSeconds, callsPerSecond] as const);
  return {
    act: streamLimit,
    rows: [
      row('rate', reports, (report) => `${count(report.callsPerSecond)} calls/s`),
      row('p50', reports, (report) => duration(report.p50Ms)),
      row('p99', reports, (report) => duration(report.p99Ms)),
      row('connections', reports, (report) => count(report.connections)),
      row('calls ended', reports, (report) => statusCounts(report.statuses)),
    ],
    claims: [
      {
        says: `the pooled client's rate is at least ${CLAIMED_RATIO} × the plain one's`,
        measured: `${oneDecimal(ratio)} ×`,
        holds: ratio >= CLAIMED_RATIO,
      },
      { says: 'no call of the pooled client ends with INTERNAL', measured: count(internal), holds: internal === 0 },
    ],
    processorShare: Math.min(plain.processorShare, pooled.processorShare),
    plots: [
      {
        title: 'Calls answered a second',
        says:
          `One connection carries ${count(plain.callsPerSecond)} calls/s whatever is asked of it ` +
          `(${MAX_CONCURRENT_STREAMS} streams ÷ ${ANSWER_AFTER_MS} ms is ` +
          `${count((MAX_CONCURRENT_STREAMS * 1_000) / ANSWER_AFTER_MS)} at the very best); ` +
          `${count(pooled.connections)} connections carry ${count(pooled.callsPerSecond)}, ${oneDecimal(ratio)} times as many.`,
        x: { label: 'time', unit: 's' },
        y: { label: 'answered', unit: 'calls/s' },
        curves: { plain: rates('plain'), pooled: rates('pooled') },
      },
      {
        title: 'How long a call takes',
        says:
          `Half of the plain client's calls take ${duration(plain.p50Ms)} or more, most of it spent waiting for a stream where ` +
          `nobody sees them; half of the pooled client's are answered within ${duration(pooled.p50Ms)}, 99 % within ` +
          `${duration(pooled.p99Ms)}.`,
        x: { label: 'share of the calls that took no longer', unit: '%' },
        y: { label: 'time to the answer', unit: 'ms' },
        curves: { plain: plain.percentiles, pooled: pooled.percentiles },
      },
    ],
  };
}
