import { startFaultProxy } from '@grpc-manifold/testing';
import { keepalive } from 'grpc-manifold';
import type { Case, Family } from '../case.js';
import { answer, begin, finish, startAnsweringPeer } from '../peers/scripted-answers.js';
import { HANGS, tally } from '../seen.js';
import type { Stage } from '../stage.js';

/** Keepalive for every client, in its own way. */
function keptAlive(timeMs: number, timeoutMs: number): Parameters<Stage['open']>[1] {
  return {
    plainOptions: { 'grpc.keepalive_time_ms': timeMs, 'grpc.keepalive_timeout_ms': timeoutMs },
    pool: { policies: [keepalive({ timeMs, timeoutMs, belowMinimum: 'allow' })] },
  };
}

/** A server that says GOAWAY as soon as it has begun with a stream: one connection for each. */
function agingConnections(title: string, pool: NonNullable<Parameters<Stage['open']>[1]>['pool']): Case {
  return {
    title,
    report: 'https://github.com/grpc/grpc-go/issues/2767',
    run: async (stage) => {
      const peer = stage.own(
        await startAnsweringPeer({
          onRequestEnd: (connection, streamId) => {
            begin(connection, streamId);
            connection.sendGoaway(0);
          },
        }),
      );
      const client = stage.open(peer.target, pool === undefined ? {} : { pool });
      const streams = [];
      for (let stream = 0; stream < 40; stream += 1) streams.push(await stage.subscribe(client).received(1));
      for (const connection of peer.connections) {
        for (const streamId of connection.openStreamIds) finish(connection, streamId);
      }
      return { streams: tally(await Promise.all(streams.map(({ ended }) => ended))) };
    },
    plain: { streams: '40 × OK' },
  };
}

export const silences: Family = {
  heading: 'Silence and long streams',
  cases: [
    agingConnections(
      'Forty streams go on while the server says GOAWAY, as connections reach their maximum age.',
      undefined,
    ),
    agingConnections('The same, with four connections at least.', { minChannels: 4 }),
    {
      title: 'Nothing is heard of a connection with a stream any more, and keepalive is on.',
      report: 'https://github.com/grpc/grpc-node/issues/2578',
      run: async (stage) => {
        const peer = stage.own(await startAnsweringPeer({ onRequestEnd: begin }));
        const proxy = stage.own(await startFaultProxy(peer));
        const client = stage.open(proxy.target, keptAlive(200, 200));
        const stream = await stage.subscribe(client).received(1);
        proxy.connections[0]?.blackHole();
        return { stream: await stream.ended };
      },
      plain: { stream: 'UNAVAILABLE' },
    },
    {
      title: 'The server says GOAWAY, then nothing is heard of the connection any more, and keepalive is on.',
      report: 'https://github.com/grpc/grpc-node/issues/2578',
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) => (connection.id === 1 ? begin : answer)(connection, streamId),
          }),
        );
        const proxy = stage.own(await startFaultProxy(peer));
        const client = stage.open(proxy.target, keptAlive(200, 200));
        const stream = await stage.subscribe(client).received(1);
        peer.connections[0]?.sendGoaway(0);
        const other = await stage.unary(client, { waitForReady: true }).ended;
        proxy.connections[0]?.blackHole();
        return { 'a new call': other, stream: await stream.ended };
      },
      plain: { 'a new call': 'OK', stream: 'UNAVAILABLE' },
    },
    {
      title: 'Nothing is heard of the only connection, calls with deadlines end on it, and keepalive notices later.',
      isSlow: true,
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) =>
              (streamId === 1 && connection.id === 1 ? begin : answer)(connection, streamId),
          }),
        );
        const proxy = stage.own(await startFaultProxy(peer));
        const client = stage.open(proxy.target, keptAlive(9_000, 1_000));
        const stream = await stage.subscribe(client).received(1);
        proxy.connections[0]?.blackHole();
        const hasEnded = stream.ended.then(() => true);
        const late: string[] = [];
        while (
          !(await Promise.race([
            hasEnded,
            stage.unary(client, { timeoutMs: 1_000 }).ended.then((code) => !late.push(code)),
          ]))
        ) {
          // One call after another, until the stream is told.
        }
        return { stream: await stream.ended, afterwards: await stage.unary(client, { waitForReady: true }).ended };
      },
      plain: { stream: 'UNAVAILABLE', afterwards: 'OK' },
    },
    {
      title:
        'Nothing is heard of the only connection, a hundred calls without deadlines are on it, and one connection is allowed.',
      isSlow: true,
      run: async (stage) => {
        const peer = stage.own(await startAnsweringPeer({ settings: { maxConcurrentStreams: 1_000 } }));
        const proxy = stage.own(await startFaultProxy(peer));
        const client = stage.open(proxy.target, {
          pool: { maxChannels: 1, queue: { maxQueueTimeMs: 2_000 }, silenceTimeoutMs: 8_000 },
        });
        await stage.unary(client).ended;
        proxy.connections[0]?.blackHole();
        const open = Array.from({ length: 100 }, () => stage.unary(client));
        let later = '';
        for (let call = 0; call < 15 && later !== 'OK'; call += 1) {
          later = await stage.unary(client, { timeoutMs: 1_000 }).ended;
        }
        const ended = await Promise.all(open.map((call) => stage.unlessPlainHangs(call.ended)));
        return { 'those on it': tally(ended), 'a call later': later };
      },
      plain: { 'those on it': `100 × ${HANGS}`, 'a call later': 'DEADLINE_EXCEEDED' },
      pooled: {
        is: 'better',
        saw: { 'those on it': '100 × UNAVAILABLE', 'a call later': 'OK' },
        why:
          'A plain client waits until the system gives the connection up, which takes some fifteen minutes. A pool asks a ' +
          'connection that is silent for a sign of life, replaces it after 5 s, and ends what is still on it after `silenceTimeoutMs`.',
      },
    },
  ],
};
