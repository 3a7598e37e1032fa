import { NameServer, startFaultProxy } from '@grpc-manifold/testing';
import type { Family } from '../case.js';
import { startLocalServer } from '../peers/local-server.js';
import { answer, begin, finish, startAnsweringPeer } from '../peers/scripted-answers.js';
import { inOrder, tally } from '../seen.js';
import type { Subscription } from '../watched-call.js';

export const connections: Family = {
  heading: 'Connections that come and go',
  cases: [
    {
      title: 'A server is gone in the middle of a stream, by FIN and by RST, and is back at once.',
      run: async (stage) => {
        const seen: Record<string, string> = {};
        for (const how of ['end', 'reset'] as const) {
          const peer = stage.own(
            await startAnsweringPeer({
              onRequestEnd: (connection, streamId) => {
                if (connection.id > 1) return answer(connection, streamId);
                begin(connection, streamId);
              },
            }),
          );
          const client = stage.open(peer.target);
          const stream = await stage.subscribe(client).received(1);
          peer.connections[0]?.[how]();
          const name = how === 'end' ? 'FIN' : 'RST';
          seen[name] = await stream.ended;
          seen[`after ${name}`] = await stage.unary(client, { waitForReady: true }).ended;
        }
        return seen;
      },
      plain: { FIN: 'UNAVAILABLE', 'after FIN': 'OK', RST: 'UNAVAILABLE', 'after RST': 'OK' },
    },
    {
      title: 'A deployment changes what the name of the server resolves to, and the old server goes.',
      report: 'https://github.com/grpc/grpc-go/issues/4650',
      run: async (stage) => {
        const names = stage.own(await NameServer.start());
        names.addresses = ['127.0.0.1'];
        const old = await startLocalServer('127.0.0.1:0');
        const next = stage.own(await startLocalServer(`127.0.0.2:${old.port}`));
        const client = stage.open(`dns://${names.authority}/echo.test:${old.port}`, {
          channelOptions: { 'grpc.dns_min_time_between_resolutions_ms': 1 },
        });
        const before = await stage.unary(client).ended;
        names.addresses = ['127.0.0.2'];
        await old[Symbol.asyncDispose]();
        const after: string[] = [];
        while (next.calls === 0) after.push(await stage.unary(client, { waitForReady: true }).ended);
        return { before, 'then, at the new server': after.at(-1) ?? '' };
      },
      plain: { before: 'OK', 'then, at the new server': 'OK' },
    },
    {
      title: 'A deployment behind an L4 balancer: connections to the old server end, new ones lead to the new server.',
      run: async (stage) => {
        const [old, next] = [stage.own(await startLocalServer()), stage.own(await startLocalServer())];
        let server = old;
        const balancer = stage.own(await startFaultProxy(() => server));
        const client = stage.open(balancer.target);
        const before = await stage.unary(client).ended;
        server = next;
        for (const connection of balancer.connections) connection.end();
        await balancer.waitFor(({ openConnections }) => openConnections === 0);
        const after = [0, 1, 2].map(() => stage.unary(client, { waitForReady: true }).ended);
        return { before, after: tally(await Promise.all(after)), 'calls at the new server': next.calls };
      },
      plain: { before: 'OK', after: '3 × OK', 'calls at the new server': 3 },
    },
    {
      title: 'The server says GOAWAY while a call is under way.',
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) => {
              if (connection.id === 1) connection.sendGoaway(0);
              answer(connection, streamId);
            },
          }),
        );
        const client = stage.open(peer.target);
        const seen = [
          await stage.unary(client).ended,
          await stage.unary(client).ended,
          await stage.unary(client).ended,
        ];
        return { calls: inOrder(seen), connections: peer.acceptedConnections };
      },
      plain: { calls: 'OK, OK, OK', connections: 2 },
    },
    {
      title: 'The server says GOAWAY to twelve connections one after the other, each with a stream that goes on.',
      run: async (stage) => {
        const peer = stage.own(await startAnsweringPeer({ onRequestEnd: begin }));
        const client = stage.open(peer.target);
        const streams: Subscription[] = [];
        for (let count = 0; count < 12; count += 1) {
          streams.push(await stage.subscribe(client, { waitForReady: true }).received(1));
          peer.connections[count]?.sendGoaway(0);
        }
        for (const connection of peer.connections) {
          for (const streamId of connection.openStreamIds) finish(connection, streamId);
        }
        return { streams: tally(await Promise.all(streams.map(({ ended }) => ended))) };
      },
      plain: { streams: '12 × OK' },
    },
    {
      title: 'A health check makes a client, calls once and closes it, a hundred times.',
      report: 'https://github.com/grpc/grpc-node/issues/2448',
      run: async (stage) => {
        const server = stage.own(await startLocalServer());
        const seen: string[] = [];
        for (let check = 0; check < 100; check += 1) {
          const client = stage.open(`127.0.0.1:${server.port}`);
          seen.push(await stage.unary(client).ended);
          client.close();
        }
        return { calls: tally(seen), 'calls at the server': server.calls };
      },
      plain: { calls: '100 × OK', 'calls at the server': 100 },
    },
  ],
};
