import { startFaultProxy, startSilentPeer, timePasses } from '@grpc-manifold/testing';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import type { WrongTargetsOptions } from '../children/wrong-targets-contract.js';
import type { Family } from '../case.js';
import { startLocalServer } from '../peers/local-server.js';
import { begin, startAnsweringPeer } from '../peers/scripted-answers.js';
import { Program } from '../program.js';
import { loseSockets, loseSocketsWhenTold } from '../socket-loss.js';
import { jumpWallClock } from '../wall-clock.js';
import { startTunnels } from '../peers/tunnels.js';
import { inOrder, tally } from '../seen.js';

/** As on a machine where threads and sockets of a case are its own. Compiled: Node 20 does not run TypeScript. */
const LOSING_WORKER = new URL('../../dist/children/losing-worker.js', import.meta.url);

const VERIFIED =
  'When the process or the machine stood still for 5 s or more, a pool asks each connection for a sign of life before its next call.';
const STANDSTILL = '0021-connections-are-verified-after-a-standstill.md';

/** No port, no socket, and nobody who listens (at port 1). */
const WRONG_TARGETS = [
  '127.0.0.1:99999',
  'ipv4:127.0.0.1:99999',
  'dns:127.0.0.1:99999',
  'ipv4:127.0.0.1:1,127.0.0.1:99999',
  'unix:/nonexistent/echo.sock',
  'unix:///nonexistent/echo.sock',
];

export const losses: Family = {
  heading: 'Addresses and lost connections',
  cases: [
    {
      title: 'The first of two addresses accepts connections and says nothing.',
      report: 'https://github.com/grpc/grpc-node/issues/1388',
      run: async (stage) => {
        const mute = stage.own(await startSilentPeer());
        const server = stage.own(await startLocalServer());
        const client = stage.open(`ipv4:${mute.target},127.0.0.1:${server.port}`);
        const seen = [await stage.unary(client).ended, await stage.unary(client).ended];
        return { calls: inOrder(seen), 'connections that were used': server.peers.size };
      },
      plain: { calls: 'OK, OK', 'connections that were used': 1 },
    },
    {
      title: 'A connection is lost by EPIPE, EHOSTUNREACH, ETIMEDOUT and ECONNRESET in turn, while a stream is open.',
      report: 'https://github.com/grpc/grpc-node/issues/1769',
      run: async (stage) => {
        const peer = stage.own(await startAnsweringPeer({ onRequestEnd: begin }));
        const inThreads = stage.own(threadChannelFactory({ threads: 1, workerUrl: LOSING_WORKER }));
        stage.after(loseSocketsWhenTold());
        const client = stage.open(peer.target, {}, inThreads);
        const seen: string[] = [];
        for (const code of ['EPIPE', 'EHOSTUNREACH', 'ETIMEDOUT', 'ECONNRESET']) {
          const stream = await stage.subscribe(client, { waitForReady: true }).received(1);
          loseSockets({ port: peer.port, code });
          seen.push(await stream.ended);
        }
        return { streams: inOrder(seen) };
      },
      plain: { streams: 'INTERNAL, INTERNAL, UNAVAILABLE, UNAVAILABLE' },
      pooled: {
        is: 'difference',
        saw: { streams: 'UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE' },
        why: 'A lost connection is UNAVAILABLE by gRPC’s own rule, whatever the error of the socket, and it is what retries look for.',
        decision: '0022-a-lost-connection-is-unavailable.md',
      },
    },
    {
      title:
        'Calls go to ports that are none, sockets that are none and a CONNECT proxy that refuses, beside a stream to a good server.',
      run: async (stage) => {
        const refusing = await startTunnels(stage, true);
        const wrong: WrongTargetsOptions['wrong'] = [
          ...WRONG_TARGETS.map((target) => ({ target })),
          { target: `ipv4:${stage.echo.target},127.0.0.1:99999` },
          { target: refusing.address, channelOptions: { 'grpc.http_connect_target': 'dns:example.test:443' } },
        ];
        const options: WrongTargetsOptions = { way: stage.way, target: stage.echo.target, wrong };
        return stage.own(new Program('wrong-targets', options)).seen();
      },
      plain: {
        calls: inOrder([...WRONG_TARGETS.map(() => 'UNAVAILABLE'), 'OK', 'UNAVAILABLE']),
        'a stream to another server': 'OK',
        'the process': 'OK',
      },
    },
    {
      title: 'A machine wakes after eight hours, and the path has forgotten the connection.',
      report: 'https://github.com/grpc/grpc-node/issues/2285',
      isSlow: true,
      run: async (stage) => {
        const proxy = stage.own(await startFaultProxy(stage.echo));
        const client = stage.open(proxy.target);
        const before = await stage.unary(client).ended;
        proxy.connections[0]?.blackHole();
        jumpWallClock(stage, 8 * 3_600_000);
        const after = [1, 2, 3].map(() => stage.unary(client, { timeoutMs: 5_000 }).ended);
        return { before, after: tally(await Promise.all(after)) };
      },
      plain: { before: 'OK', after: '3 × DEADLINE_EXCEEDED' },
      pooled: { is: 'better', saw: { after: '3 × OK' }, why: VERIFIED, decision: STANDSTILL },
    },
    {
      title: 'The process is stopped for six seconds, and the path has forgotten the connection meanwhile.',
      report: 'https://github.com/grpc/grpc-node/issues/2285',
      isSlow: true,
      run: async (stage) => {
        const proxy = stage.own(await startFaultProxy(stage.echo));
        const program = stage.own(new Program('frozen', { way: stage.way, target: proxy.target }));
        await program.begun();
        program.child.kill('SIGSTOP');
        proxy.connections[0]?.blackHole();
        await timePasses(6_000, 'a process stands still');
        program.goOn();
        program.child.kill('SIGCONT');
        return program.seen();
      },
      plain: { before: 'OK', after: '3 × DEADLINE_EXCEEDED', 'the process': 'OK' },
      pooled: { is: 'better', saw: { after: '3 × OK' }, why: VERIFIED, decision: STANDSTILL },
    },
  ],
};
