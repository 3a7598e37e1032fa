import { ChannelPool, repool } from 'grpc-manifold';
import { Client, credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { startFaultProxy } from '@grpc-manifold/testing';
import type { Family } from '../case.js';
import { startLocalServer } from '../peers/local-server.js';
import { Program } from '../program.js';
import { HANGS, inOrder } from '../seen.js';

/** What the callback of `client.waitForReady` is told. */
function readiness(client: Client, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    client.waitForReady(Date.now() + timeoutMs, (error) => resolve(error === undefined ? 'ready' : 'not ready'));
  });
}

export const closing: Family = {
  heading: 'Readiness and closing',
  cases: [
    {
      title: 'Two hundred calls begin before there is a connection, and the client is closed in the same tick.',
      run: async (stage) => {
        const proxy = stage.own(await startFaultProxy(stage.echo));
        // In a process of its own: what a plain client leaves behind would be found by the cases that follow.
        const program = stage.own(new Program('closed-while-connecting', { way: stage.way, target: proxy.target }));
        await program.begun();
        // A pool may have given the attempt up before it came to anything.
        const isGone = (): boolean =>
          proxy.openConnections === 0 && (stage.way !== 'plain' || proxy.closedConnections > 0);
        const gone = proxy.waitFor(isGone).then(
          () => 'OK',
          () => HANGS,
        );
        const socket = await stage.unlessPlainHangs(gone);
        program.goOn();
        return { ...(await program.seen()), 'the end of its socket': socket };
      },
      plain: { calls: '200 × UNAVAILABLE', 'the process': 'OK', 'the end of its socket': HANGS },
      pooled: {
        is: 'better',
        saw: { 'the end of its socket': 'OK' },
        why: 'A plain client that is closed while it connects leaves the socket behind, for good. A pool closes it.',
      },
    },
    {
      title: 'A client is closed while calls wait for a connection that cannot be made.',
      report: 'https://github.com/grpc/grpc-node/pull/2791',
      run: async (stage) => {
        const client = stage.open('127.0.0.1:1', { pool: { drainTimeoutMs: Infinity } });
        const calls = [stage.unary(client, { waitForReady: true }), stage.subscribe(client, { waitForReady: true })];
        const failed = await stage.unary(client).ended;
        client.close();
        return { 'without waiting': failed, waiting: inOrder(await Promise.all(calls.map(({ ended }) => ended))) };
      },
      plain: { 'without waiting': 'UNAVAILABLE', waiting: 'UNAVAILABLE, UNAVAILABLE' },
    },
    {
      title: 'A client is closed, and a call that is under way needs six seconds more.',
      report: 'https://github.com/grpc/grpc-node/issues/1340',
      isSlow: true,
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        await stage.unary(client).ended;
        const call = stage.unary(client, { request: { sendInitialMetadata: true, delayMs: 6_000 } });
        await call.begun();
        client.close();
        return { call: await call.ended };
      },
      plain: { call: 'OK' },
    },
    {
      title: 'A client is asked to be ready before its first call, and again later.',
      report: 'https://github.com/grpc/grpc-node/issues/152',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const first = await readiness(client, 60_000);
        const call = await stage.unary(client).ended;
        return {
          first,
          call,
          again: await readiness(client, 60_000),
          'dead target': await readiness(stage.open('127.0.0.1:1'), 50),
        };
      },
      plain: { first: 'ready', call: 'OK', again: 'ready', 'dead target': 'not ready' },
    },
    {
      title: 'The same, with `minChannels: 0`.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target, { pool: { minChannels: 0 } });
        return { first: await readiness(client, 60_000), call: await stage.unary(client).ended };
      },
      plain: { first: 'ready', call: 'OK' },
    },
    {
      title: 'The server closes connections that are idle for 300 ms.',
      run: async (stage) => {
        const options = { 'grpc.max_connection_idle_ms': 300 };
        const server = stage.own(await startLocalServer('127.0.0.1:0', options));
        const proxy = stage.own(await startFaultProxy(server));
        const client = stage.open(proxy.target);
        const first = await stage.unary(client).ended;
        await proxy.waitFor(({ closedConnections }) => closedConnections === 1);
        // As long again, by a plain client that the same server closes.
        const yardstick = stage.own(await startFaultProxy(server));
        const plain = new Client(yardstick.target, credentials.createInsecure());
        await readiness(plain, 60_000);
        await yardstick.waitFor(({ closedConnections }) => closedConnections === 1);
        plain.close();
        const connections = proxy.acceptedConnections;
        return { first, connections, later: await stage.unary(client).ended };
      },
      plain: { first: 'OK', connections: 1, later: 'OK' },
    },
    {
      title: 'A service has methods called `GetChannel` and `Close`, and a client of it is pooled by `repool`.',
      run: async (stage) => {
        const server = stage.own(await startLocalServer());
        const empty = (value: Buffer): Buffer => value;
        const method = {
          path: '/manifold.testing.v1.Echo/Unary',
          requestStream: false as const,
          responseStream: false as const,
          requestSerialize: empty,
          requestDeserialize: empty,
          responseSerialize: empty,
          responseDeserialize: empty,
        };
        const Named = makeGenericClientConstructor({ GetChannel: method, Close: method }, 'Named');
        const target = `127.0.0.1:${server.port}`;
        const own = new Named(target, credentials.createInsecure());
        stage.after(() => Client.prototype.close.call(own));
        let client: Client = own;
        if (stage.way !== 'plain') {
          const place = stage.way === 'threads' ? { channelFactory: stage.shared.inThreads } : {};
          const pool = new ChannelPool(target, credentials.createInsecure(), place);
          stage.after(() => pool.destroy());
          client = repool<Client>(own, pool);
        }
        const codes: string[] = [];
        for (const name of ['GetChannel', 'Close']) {
          const call = (
            client as unknown as Record<string, (request: Buffer, told: (error: ServiceError | null) => void) => void>
          )[name];
          codes.push(
            await new Promise((resolve) =>
              call?.call(client, Buffer.alloc(0), (error) => resolve(error?.details ?? 'OK')),
            ),
          );
        }
        return { methods: inOrder(codes), 'calls at the server': server.calls };
      },
      plain: { methods: 'OK, OK', 'calls at the server': 2 },
    },
  ],
};
