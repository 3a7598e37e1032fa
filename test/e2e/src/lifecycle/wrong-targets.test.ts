import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import {
  startEchoServer,
  startSilentPeer,
  startUnansweredPeer,
  type EchoServer,
  type SilentPeer,
  type UnansweredPeer,
} from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WrongTarget, WrongTargetsOptions, WrongTargetsReport } from './children/wrong-targets-contract.js';
import { Program } from './program.js';

let server: EchoServer;
let silent: SilentPeer;
let unanswered: UnansweredPeer;
/** A CONNECT proxy that refuses and leaves the socket open, and one that then resets it. */
let refusing: Server;
let resetting: Server;
/** One that connects. */
let connecting: Server;

async function startProxy(onRequest: (socket: Socket) => void): Promise<Server> {
  const proxy = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => onRequest(socket));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}

function addressOf(proxy: Server): string {
  const address = proxy.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** As grpc-js itself has it for a proxy that the environment names (gRFC A1): the target is the proxy. */
function throughProxy(proxy: Server, target = 'dns:example.test:443'): WrongTarget {
  return { target: addressOf(proxy), channelOptions: { 'grpc.http_connect_target': target } };
}

/** An address is no server name in TLS (RFC 6066, section 3): Node 26 refuses it before it has said anything. */
const ON_NAME = { 'grpc.ssl_target_name_override': 'localhost' };
const REFUSAL = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n';

beforeAll(async () => {
  [server, silent, unanswered] = await Promise.all([startEchoServer(), startSilentPeer(), startUnansweredPeer()]);
  refusing = await startProxy((socket) => socket.write(REFUSAL));
  resetting = await startProxy((socket) => socket.write(REFUSAL, () => socket.resetAndDestroy()));
  connecting = await startProxy((socket) => {
    const upstream = connect(server.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => undefined);
  });
});

afterAll(async () => {
  refusing.close();
  resetting.close();
  connecting.close();
  await Promise.all([server, silent, unanswered].map((peer) => peer[Symbol.asyncDispose]()));
});

interface Case {
  readonly name: string;
  readonly wrong: WrongTarget;
  /** Default: UNAVAILABLE. */
  readonly code?: string;
}

function cases(): Case[] {
  const bothWays = (name: string, wrong: WrongTarget): Case[] =>
    [false, true].map((isTls) => ({
      name: `${name}, ${isTls ? 'TLS' : 'plain text'}`,
      wrong: { ...wrong, isTls, channelOptions: { ...wrong.channelOptions, ...(isTls ? ON_NAME : {}) } },
    }));
  return [
    ...bothWays('a port above 65535', { target: '127.0.0.1:99999' }),
    ...bothWays('the same by name', { target: 'dns:localhost:99999' }),
    ...bothWays('the same in IPv6', { target: 'ipv6:[::1]:99999' }),
    ...bothWays('port 0', { target: 'ipv4:127.0.0.1:0' }),
    ...bothWays('a negative port', { target: '127.0.0.1:-1' }),
    ...bothWays('a port that is no number', { target: '127.0.0.1:abc' }),
    ...bothWays('bad ports only', { target: 'ipv4:127.0.0.1:70000,127.0.0.1:70001' }),
    ...bothWays('a bad port behind a dead one', {
      target: 'ipv4:127.0.0.1:1,127.0.0.1:70000',
    }),
    // grpc-js makes a URL of the first address, which is none: a connection to the second is made and abandoned.
    ...bothWays('a bad port before a good one', { target: `ipv4:127.0.0.1:70000,${server.target}` }),
    {
      name: 'a bad port behind a good one',
      wrong: { target: `ipv4:${server.target},127.0.0.1:70000` },
      code: 'OK',
    },
    ...bothWays('a unix path that is too long', { target: `unix:/tmp/${'x'.repeat(300)}` }),
    ...bothWays('a unix path that is not there', { target: 'unix:/nonexistent/socket' }),
    { name: 'a proxy that connects', wrong: throughProxy(connecting), code: 'OK' },
    ...bothWays('a proxy that refuses', throughProxy(refusing)),
    ...bothWays('a proxy that refuses and resets', throughProxy(resetting)),
    ...bothWays('a proxy that refuses, closed midway', { ...throughProxy(refusing), isClosedMidway: true }),
    ...bothWays('a proxy at a bad port', { ...throughProxy(refusing), target: '127.0.0.1:70000' }),
    ...bothWays('a proxy and a target that is no URL', throughProxy(refusing, 'dns:a b')),
    ...bothWays('a peer that says nothing, closed midway', { target: silent.target, isClosedMidway: true }),
    ...bothWays('a peer that answers no SYN, closed midway', { target: unanswered.target, isClosedMidway: true }),
    ...bothWays('a bad port, closed midway', { target: '127.0.0.1:99999', isClosedMidway: true }),
  ];
}

class WrongTargetsProgram extends Program<WrongTargetsReport> {
  constructor(options: WrongTargetsOptions) {
    super('lifecycle/children/wrong-targets', options);
  }
}

describe.each([
  ['in the thread of their callers', 0],
  ['in a worker thread that they share with a healthy one', 1],
])('clients with wrong targets %s', (_where, threads) => {
  it('fail their own calls, and neither their process nor the calls of others', async () => {
    const all = cases();
    await using program = new WrongTargetsProgram({
      targets: all.map(({ wrong }) => wrong),
      healthyTarget: server.target,
      threads,
    });
    const { codes, healthyCodes, warnings, openSockets } = await program.hear('report');
    expect(Object.fromEntries(all.map(({ name }, at) => [name, codes[at]]))).toEqual(
      Object.fromEntries(all.map(({ name, code = 'UNAVAILABLE' }) => [name, code])),
    );
    expect(healthyCodes.filter((code) => code !== 'OK')).toEqual([]);
    expect(warnings).toEqual([]);
    expect(openSockets).toBe(0);
    expect((await program.ended()).code).toBe(0);
  });
});
