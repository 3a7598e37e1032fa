import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Family } from '../case.js';
import { begin, finish, startAnsweringPeer } from '../peers/scripted-answers.js';
import type { Stage } from '../stage.js';

const HOUR_MS = 3_600_000;

/** A client of a server with one stream, which another call has. */
async function openFull(stage: Stage, channelOptions = {}) {
  const peer = stage.own(
    await startAnsweringPeer({
      settings: { maxConcurrentStreams: 1 },
      onRequestEnd: (connection, streamId) => begin(connection, streamId),
    }),
  );
  const client = stage.open(peer.target, { pool: { maxChannels: 1 }, channelOptions });
  const open = await stage.subscribe(client).received(1);
  const end = async (): Promise<string> => {
    const [connection] = peer.connections;
    if (connection !== undefined) finish(connection, connection.lastStreamId);
    return open.ended;
  };
  return { client, end };
}

/** Sets the wall clock of this process until the case is over. */
function setWallClock(stage: Stage, byMs: number): void {
  const { now } = Date;
  Date.now = () => now() + byMs;
  stage.after(() => (Date.now = now));
}

export const deadlines: Family = {
  heading: 'Deadlines',
  cases: [
    ...[-HOUR_MS, HOUR_MS].map((byMs) => ({
      title: `The wall clock is set ${byMs < 0 ? 'back' : 'forward'} by an hour while calls with deadlines run and wait.`,
      run: async (stage: Stage) => {
        const client = stage.open(stage.echo.target);
        await stage.unary(client).ended;
        const full = await openFull(stage);
        const running = stage.unary(client, { request: { hang: true }, timeoutMs: 200 });
        const waiting = stage.unary(full.client, { timeoutMs: 200 });
        // The calls are handed to their connections in this turn.
        await nextTurn();
        setWallClock(stage, byMs);
        return { running: await running.ended, waiting: await waiting.ended, 'the open stream': await full.end() };
      },
      plain: { running: 'DEADLINE_EXCEEDED', waiting: 'DEADLINE_EXCEEDED', 'the open stream': 'OK' },
    })),
    {
      title: 'The service config gives a method a timeout, and another call has the only stream.',
      run: async (stage) => {
        const methodConfig = [
          {
            name: [{ service: 'manifold.testing.v1.Echo', method: 'Unary' }],
            timeout: { seconds: 0, nanos: 200_000_000 },
          },
        ];
        const { client, end } = await openFull(stage, { 'grpc.service_config': JSON.stringify({ methodConfig }) });
        return { call: await stage.unary(client).ended, 'the open stream': await end() };
      },
      plain: { call: 'DEADLINE_EXCEEDED', 'the open stream': 'OK' },
    },
  ],
};
