import type { Act, ActResult, Both, Contestant, LoadModule, Point } from '../act.js';
import { latestRow, row } from '../row.js';
import { count, duration, growth, oneDecimal, statusCounts } from '../format.js';
import type { StoppedServerPlan, StoppedServerReport, StoppedServerSample } from '../loads/stopped-server.js';

const load: LoadModule<StoppedServerPlan, StoppedServerSample, StoppedServerReport> = {
  url: new URL('../loads/stopped-server.js', import.meta.url),
};

const CALLS_PER_SECOND = 5_000;
const PAYLOAD_BYTES = 4_096;
const WARM_UP = { calls: 12_000, maxSeconds: 6 };
const DEFAULT_STOPPED_SECONDS = 12;
const RECOVERY = { callsPerSecond: 500, seconds: 3 };
/** A client that grows by more than this is let off. */
const MAX_GROWTH_MB = 1_000;
const CLAIMED_GROWTH_MB = 96;
const CLAIMED_FLOOR_RISE_MB = 40;
const CLAIMED_RECOVERY_MS = 1_000;

/** A server that stops reading while calls keep coming. */
export const stoppedServer: Act = {
  name: 'b',
  title: 'A server that stops reading',
  setting:
    `${count(CALLS_PER_SECOND)} calls a second of ${PAYLOAD_BYTES / 1_024} KB, without deadlines. The server's process is ` +
    `stopped (SIGSTOP): its connections stay open and nothing is read from them. Then it goes on (SIGCONT), and the load ` +
    `falls to ${count(RECOVERY.callsPerSecond)} calls a second.`,

  async play(stage) {
    if (process.platform === 'win32') {
      throw new Error('Act b stops a process with SIGSTOP, which Windows does not have.');
    }
    const stoppedSeconds = stage.seconds ?? DEFAULT_STOPPED_SECONDS;
    const samples: Both<StoppedServerSample[]> = { plain: [], pooled: [] };
    const playOne = async (contestant: Contestant): Promise<StoppedServerReport> => {
      await using server = await stage.startServer({});
      const show = (): void => {
        stage.show({
          act: stoppedServer,
          active: contestant,
          elapsedSeconds: samples[contestant].at(-1)?.atSeconds ?? 0,
          totalSeconds: stoppedSeconds + RECOVERY.seconds,
          rows: [
            latestRow('phase', samples, (sample) => sample.phase),
            latestRow('memory', samples, (sample) => growth(sample.growthMb)),
            latestRow('unanswered', samples, (sample) => `${count(sample.unansweredCalls)} calls`),
            latestRow('refused at once', samples, (sample) => `${count(sample.refusedCalls)} calls`),
          ],
          trend: {
            label: 'memory',
            plain: samples.plain.map((sample) => Math.max(0, sample.growthMb)),
            pooled: samples.pooled.map((sample) => Math.max(0, sample.growthMb)),
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
          serverPid: server.pid,
          callsPerSecond: CALLS_PER_SECOND,
          payloadBytes: PAYLOAD_BYTES,
          warmUp: WARM_UP,
          stoppedSeconds,
          recovery: RECOVERY,
          maxGrowthMb: MAX_GROWTH_MB,
        },
        (sample) => {
          samples[contestant].push(sample);
          show();
        },
      );
    };
    return result({ plain: await playOne('plain'), pooled: await playOne('pooled') });
  },
};

function result(reports: Both<StoppedServerReport>): ActResult {
  const { plain, pooled } = reports;
  const internal = pooled.statuses['INTERNAL'] ?? 0;
  const afterResume = (ms: number | undefined): string =>
    ms === undefined ? `none within ${RECOVERY.seconds} s` : duration(ms);
  const plainPerSecond = plain.peakGrowthMb / plain.stoppedForSeconds;
  const marks = [
    { x: 0, label: 'server stopped' },
    ...(Math.abs(plain.stoppedForSeconds - pooled.stoppedForSeconds) < 0.3
      ? [{ x: pooled.stoppedForSeconds, label: 'server back' }]
      : [
          { x: plain.stoppedForSeconds, label: 'back (plain)' },
          { x: pooled.stoppedForSeconds, label: 'back (pooled)' },
        ]),
  ];
  const x = { label: 'time since the server stopped', unit: 's' };
  return {
    act: stoppedServer,
    rows: [
      row('offered', reports, (report) => `${count(report.offeredPerSecond)} calls/s`),
      row(
        'server stopped for',
        reports,
        (report) => `${oneDecimal(report.stoppedForSeconds)} s${report.endedEarly ? ' (ended early)' : ''}`,
      ),
      row('memory grew by', reports, (report) => growth(report.peakGrowthMb)),
      row('… its floor rose by', reports, (report) => growth(report.floorRiseMb)),
      row('calls refused at once', reports, (report) => count(report.refusedCalls)),
      row('… each within (p99)', reports, (report) =>
        report.refusedCalls === 0 ? '–' : duration(report.refusedP99Ms),
      ),
      row('first success after', reports, (report) => afterResume(report.firstSuccessMs)),
      row('… of a call made after', reports, (report) => afterResume(report.firstNewSuccessMs)),
      row('calls ended', reports, (report) => statusCounts(report.statuses)),
    ],
    claims: [
      {
        says: `the pooled client's memory grows by less than ${CLAIMED_GROWTH_MB} MB`,
        measured: growth(pooled.peakGrowthMb),
        holds: pooled.peakGrowthMb < CLAIMED_GROWTH_MB,
      },
      {
        says:
          `… and is flat: its lowest in the second half of the stop is less than ${CLAIMED_FLOOR_RISE_MB} MB above its lowest ` +
          `in the quarter before`,
        measured: growth(pooled.floorRiseMb),
        holds: pooled.floorRiseMb < CLAIMED_FLOOR_RISE_MB,
      },
      {
        says: `a call of the pooled client succeeds within ${duration(CLAIMED_RECOVERY_MS)} after the server is back`,
        measured: afterResume(pooled.firstSuccessMs),
        holds: (pooled.firstSuccessMs ?? Infinity) <= CLAIMED_RECOVERY_MS,
      },
      { says: 'no call of the pooled client ends with INTERNAL', measured: count(internal), holds: internal === 0 },
    ],
    processorShare: Math.min(plain.processorShare, pooled.processorShare),
    plots: [
      {
        title: 'Memory of the client',
        says:
          `The plain client takes every call and keeps it: ${count(plainPerSecond)} MB more each second` +
          `${plain.endedEarly ? `, until the demo lets it off after ${oneDecimal(plain.stoppedForSeconds)} s` : ''}. ` +
          `The pooled client takes what it has room for, refuses the rest at once, and grows by ` +
          `${count(Math.max(0, pooled.peakGrowthMb))} MB in all.`,
        x,
        y: { label: 'above the most before the stop', unit: 'MB' },
        curves: { plain: sinceShortlyBefore(plain.growthMb), pooled: sinceShortlyBefore(pooled.growthMb) },
        marks,
      },
      {
        title: 'Calls that wait for an answer',
        says:
          `Up to ${count(most(plain.unansweredCalls))} calls of the plain client wait inside its connection, out of reach; ` +
          `never more than ${count(most(pooled.unansweredCalls))} of the pooled client do. The first success of a call made ` +
          `after the server was back: ${afterResume(plain.firstNewSuccessMs)} with the plain client, ` +
          `${afterResume(pooled.firstNewSuccessMs)} with the pooled one.`,
        x,
        y: { label: 'made and not yet answered', unit: 'calls' },
        curves: {
          plain: sinceShortlyBefore(plain.unansweredCalls),
          pooled: sinceShortlyBefore(pooled.unansweredCalls),
        },
        marks,
      },
    ],
  };
}

/** Leaves out the start of the process, which has nothing to tell. */
function sinceShortlyBefore(points: readonly Point[]): readonly Point[] {
  return points.filter(([atSeconds]) => atSeconds >= -2);
}

function most(points: readonly Point[]): number {
  return points.reduce((highest, [, y]) => Math.max(highest, y), 0);
}
