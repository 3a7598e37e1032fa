import { explain } from 'grpc-manifold';
import type { Case, Family } from '../case.js';
import { answer, begin, startAnsweringPeer } from '../peers/scripted-answers.js';
import { HANGS, inOrder } from '../seen.js';
import { Program } from '../program.js';
import type { Stage } from '../stage.js';
import { jumpWallClock } from '../wall-clock.js';
import type { EchoClient, ScriptedPeer } from '@grpc-manifold/testing';

const HOUR_MS = 3_600_000;
/** Short, and yet longer than the first steps of a case. */
const TIMEOUT_MS = 250;

/** A client whose only connection has one stream, which is taken by a subscription until `free` is called. */
async function openFull(
  stage: Stage,
  wish: Parameters<Stage['open']>[1] = {},
): Promise<{ client: EchoClient; peer: ScriptedPeer }> {
  const peer = stage.own(
    await startAnsweringPeer({
      settings: { maxConcurrentStreams: 1 },
      onRequestEnd: (connection, streamId) => (streamId === 3 ? begin : answer)(connection, streamId),
    }),
  );
  const client = stage.open(peer.target, { pool: { maxChannels: 1 }, ...wish });
  await stage.unary(client).ended;
  await stage.subscribe(client).received(1);
  return { client, peer };
}

/** The wall clock jumps while calls are under way, wait for a stream and wait for a connection, all with deadlines. */
function clockJump(title: string, byMs: number): Case {
  return {
    title,
    report: 'https://github.com/grpc/grpc/issues/22955',
    run: async (stage) => {
      const { client } = await openFull(stage);
      const waiting = stage.unary(client, { timeoutMs: TIMEOUT_MS });
      const other = stage.open(stage.echo.target);
      await stage.unary(other).ended;
      const begun = { sendInitialMetadata: true };
      const running = stage.unary(other, { request: { ...begun, hang: true }, timeoutMs: TIMEOUT_MS });
      const unconnected = stage.unary(stage.open('127.0.0.1:1'), { waitForReady: true, timeoutMs: TIMEOUT_MS });
      const patient = stage.unary(other, { request: { ...begun, delayMs: 50 }, timeoutMs: 60_000 });
      await Promise.all([running.begun(), patient.begun()]);
      jumpWallClock(stage, byMs);
      return {
        'under way': await running.ended,
        'waiting for a stream': await waiting.ended,
        'waiting for a connection': await unconnected.ended,
        'answered in time': await patient.ended,
      };
    },
    plain: {
      'under way': 'DEADLINE_EXCEEDED',
      'waiting for a stream': 'DEADLINE_EXCEEDED',
      'waiting for a connection': 'DEADLINE_EXCEEDED',
      'answered in time': 'OK',
    },
  };
}

/** Streams have none. */
const TIMEOUT_OF_UNARY = JSON.stringify({
  loadBalancingConfig: [],
  methodConfig: [{ name: [{ service: 'manifold.testing.v1.Echo', method: 'Unary' }], timeout: '0.250000000s' }],
});

export const deadlines: Family = {
  heading: 'Deadlines',
  cases: [
    clockJump('The wall clock jumps back by an hour while calls with deadlines go on.', -HOUR_MS),
    clockJump('The wall clock jumps forth by an hour while calls with deadlines go on.', HOUR_MS),
    {
      title: 'A deadline is no number, or a date that is none.',
      run: async (stage) => {
        const program = stage.own(new Program('odd-deadlines', { way: stage.way, target: stage.echo.target }));
        return { calls: inOrder([HANGS, HANGS]), ...(await program.seen()) };
      },
      plain: { calls: inOrder([HANGS, HANGS]), 'the process': 'dies' },
      pooled: {
        is: 'better',
        saw: { calls: inOrder(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']), 'the process': 'OK' },
        why: 'Such a deadline is an unhandled rejection inside a plain client. In a pool it has passed, and only its call ends.',
      },
    },
    {
      title:
        'The service config has a timeout, and it passes while a call is under way and while it waits for a stream.',
      run: async (stage) => {
        const { client } = await openFull(stage, { channelOptions: { 'grpc.service_config': TIMEOUT_OF_UNARY } });
        const waiting = stage.unary(client);
        const other = stage.open(stage.echo.target, { channelOptions: { 'grpc.service_config': TIMEOUT_OF_UNARY } });
        const running = stage.unary(other, { request: { hang: true } });
        return { 'under way': await running.ended, waiting: await waiting.ended };
      },
      plain: { 'under way': 'DEADLINE_EXCEEDED', waiting: 'DEADLINE_EXCEEDED' },
    },
    {
      title:
        'A call waits for a stream until its deadline, and its error is asked whether the server has seen the call.',
      run: async (stage) => {
        const { client } = await openFull(stage);
        const call = stage.unary(client, { timeoutMs: TIMEOUT_MS });
        const code = await call.ended;
        return { call: code, 'its error': explain(call.details)?.neverSent === true ? 'never sent' : 'does not say' };
      },
      plain: { call: 'DEADLINE_EXCEEDED', 'its error': 'does not say' },
      pooled: {
        is: 'difference',
        saw: { 'its error': 'never sent' },
        why: 'A call waits in the pool and not inside HTTP/2, so its error says what it waited for, and that it can be repeated.',
        decision: '0028-what-a-call-waited-for.md',
      },
    },
  ],
};
