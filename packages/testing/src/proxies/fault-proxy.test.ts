import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';
import { MAX_HELD_BYTES } from './faulty-pipe.js';
import { destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import type { ProxiedConnection } from './proxied-connection.js';

let server: Server;
let proxy: FaultProxy;
const serverSockets = new Set<Socket>();
const clientSockets = new Set<Socket>();

beforeEach(async () => {
  // Sends back whatever comes.
  server = await listenOnLoopback((socket) => {
    serverSockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
  });
  proxy = await startFaultProxy({ port: portOf(server) });
});

afterEach(async () => {
  await destroySockets(clientSockets);
  await proxy[Symbol.asyncDispose]();
  await destroySockets(serverSockets);
  serverSockets.clear();
  clientSockets.clear();
  await new Promise((resolve) => server.close(resolve));
});

function open(): Socket {
  const socket = connect(proxy.port, LOOPBACK);
  socket.on('error', () => {});
  clientSockets.add(socket);
  return socket;
}

async function openThrough(): Promise<{ socket: Socket; connection: ProxiedConnection }> {
  const socket = open();
  const echoed = once(socket, 'data');
  socket.write('hello');
  await echoed;
  return { socket, connection: proxy.connections.at(-1) as ProxiedConnection };
}

function serverSocketOf(connection: ProxiedConnection): Socket {
  const found = [...serverSockets].find((socket) => socket.remotePort === connection.upstreamPort);
  return found as Socket;
}

/** True when the socket closes by an error. (`once` of node:events would reject by that error.) */
function closing(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve));
}

describe('a fault proxy', () => {
  it('asks for each connection which server it goes to', async () => {
    const named = (name: string): Promise<Server> =>
      listenOnLoopback((socket) => socket.on('error', () => {}).end(name));
    const servers = await Promise.all(['first', 'second'].map(named));
    const next = servers.map((each) => ({ port: portOf(each) }));
    await using balancer = await startFaultProxy(() => next.shift() as { port: number });
    const heard: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const socket = connect(balancer.port, LOOPBACK);
      clientSockets.add(socket);
      const [name] = (await once(socket, 'data')) as [Buffer];
      heard.push(name.toString());
    }
    expect(heard).toEqual(['first', 'second']);
    for (const each of servers) each.close();
  });

  it('hands on both ways and counts bytes and connections', async () => {
    const { socket, connection } = await openThrough();
    const second = await openThrough();
    expect([connection.id, second.connection.id]).toEqual([1, 2]);
    expect([connection.bytesToServer, connection.bytesToClient, connection.heldBytes]).toEqual([5, 5, 0]);
    expect(connection.clientPort).toBe(socket.localPort);
    expect(serverSocketOf(connection)).toBeDefined();
    socket.end();
    await proxy.waitFor((now) => now.openConnections === 1);
    expect([connection.isOpen, second.connection.isOpen]).toEqual([false, true]);
    expect([proxy.acceptedConnections, proxy.closedConnections, proxy.peakConnections]).toEqual([2, 1, 2]);
    expect(proxy.connections).toEqual([second.connection]);
  });

  it('hands on the ends of a connection, orderly and by reset, both ways', async () => {
    const first = await openThrough();
    const firstAtServer = serverSocketOf(first.connection);
    const atServerEnded = once(firstAtServer, 'end');
    first.socket.end();
    await atServerEnded;

    const second = await openThrough();
    const secondEnded = once(second.socket, 'end');
    serverSocketOf(second.connection).end();
    await secondEnded;

    const third = await openThrough();
    const reset = closing(serverSocketOf(third.connection));
    third.socket.resetAndDestroy();
    expect(await reset).toBe(true);

    const fourth = await openThrough();
    const fourthReset = closing(fourth.socket);
    serverSocketOf(fourth.connection).resetAndDestroy();
    expect(await fourthReset).toBe(true);
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ['ends', (socket) => socket.end()],
    ['is destroyed', (socket) => socket.destroy()],
    ['is reset', (socket) => socket.resetAndDestroy()],
  ])('leaves nothing open behind a client that %s, whatever is under way', async (_name, close) => {
    const idle = await openThrough();
    const late = await openThrough();
    const answered = await openThrough();
    // Not connected to the server yet.
    const atOnce = open();
    await once(atOnce, 'connect');
    late.connection.delay(20);
    answered.connection.blackHole('to-client');
    serverSocketOf(answered.connection).write(Buffer.alloc(4 * MAX_HELD_BYTES));
    await proxy.waitFor((now) => now.acceptedConnections === 4 && answered.connection.heldBytes > MAX_HELD_BYTES);
    for (const socket of [idle.socket, late.socket, answered.socket, atOnce]) close(socket.resume());
    await proxy.waitFor((now) => now.openConnections === 0 && now.openUpstreams === 0);
    await Promise.all([...serverSockets].filter(({ closed }) => !closed).map(closing));
  });

  it('holds everything in a black hole, and hands it on in order when restored', async () => {
    const { socket, connection } = await openThrough();
    connection.blackHole();
    socket.write('one,');
    socket.write('two');
    await proxy.waitFor(() => connection.heldBytes === 7);
    expect(connection.bytesToServer).toBe(5);
    const echoed = once(socket, 'data');
    connection.restore();
    expect(String((await echoed)[0])).toBe('one,two');
  });

  it('can be a black hole one way only', async () => {
    const { socket, connection } = await openThrough();
    connection.blackHole('to-client');
    socket.write('there');
    await proxy.waitFor(() => connection.bytesToServer === 10 && connection.heldBytes === 5);
    expect(connection.bytesToClient).toBe(5);
  });

  it('sees that a client is gone also in a black hole, and keeps that from the server', async () => {
    const { socket, connection } = await openThrough();
    const atServer = serverSocketOf(connection);
    connection.blackHole();
    socket.destroy();
    await proxy.waitFor((now) => now.openConnections === 0);
    expect(atServer.readableEnded).toBe(false);
    expect(proxy.openUpstreams).toBe(1);
    const ended = once(atServer, 'end');
    connection.restore();
    await ended;
    await proxy.waitFor((now) => now.openUpstreams === 0);
  });

  it('stops reading a client that sends into a black hole without end', async () => {
    const { socket, connection } = await openThrough();
    connection.blackHole();
    const chunk = Buffer.alloc(1_048_576);
    for (let sent = 0; sent < 64; sent += 1) socket.write(chunk);
    await proxy.waitFor(() => connection.heldBytes > MAX_HELD_BYTES);
    expect(connection.heldBytes).toBeLessThan(2 * MAX_HELD_BYTES);
    let echoedBytes = 0;
    const all = new Promise<void>((resolve) => {
      socket.on('data', (data: Buffer) => {
        echoedBytes += data.length;
        if (echoedBytes === 64 * chunk.length) resolve();
      });
    });
    connection.restore();
    await all;
    expect(connection.heldBytes).toBe(0);
  });

  it('stops reading a client whose server does not read', async () => {
    const { socket, connection } = await openThrough();
    const atServer = serverSocketOf(connection);
    atServer.pause();
    const chunk = Buffer.alloc(1_048_576);
    for (let sent = 0; sent < 64; sent += 1) socket.write(chunk);
    await proxy.waitFor(() => connection.bytesToServer > MAX_HELD_BYTES);
    expect(socket.writableLength).toBeGreaterThan(0);
    socket.resume();
    atServer.resume();
    await proxy.waitFor(() => connection.bytesToClient === 5 + 64 * chunk.length);
  });

  it('hands on late and in order, also when the delay shrinks', async () => {
    const { socket, connection } = await openThrough();
    connection.delay(40, 'to-server');
    socket.write('slow,');
    await proxy.waitFor(() => connection.heldBytes === 5);
    connection.delay(0);
    socket.write('fast');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await proxy.waitFor(() => connection.bytesToClient === 14);
    while (text.length < 9) await once(socket, 'data');
    expect(text).toBe('slow,fast');
  });

  it('resets and ends a connection at both sides, its neighbours untouched', async () => {
    const first = await openThrough();
    const second = await openThrough();
    const third = await openThrough();
    const atServer = serverSocketOf(first.connection);
    const closings = [closing(first.socket), closing(atServer)];
    first.connection.reset();
    expect(await Promise.all(closings)).toEqual([true, true]);
    const ended = once(second.socket, 'end');
    second.connection.end();
    await ended;
    await proxy.waitFor((now) => now.openConnections === 1);
    expect(third.connection.isOpen).toBe(true);
  });

  it('refuses new connections while the open ones stay, and accepts again on the same port', async () => {
    const { socket } = await openThrough();
    const { port } = proxy;
    proxy.refuseNew();
    const refused = connect(port, LOOPBACK);
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    const echoed = once(socket, 'data');
    socket.write('still here');
    await echoed;
    await proxy.acceptNew();
    expect(proxy.port).toBe(port);
    await openThrough();
  });

  it('resets a client when there is no server', async () => {
    await using lonely = await startFaultProxy({ port: proxy.port });
    proxy.refuseNew();
    const socket = connect(lonely.port, LOOPBACK);
    socket.on('error', () => {});
    expect(await closing(socket)).toBe(true);
  });

  it('listens on an address and port that it is told, as a server does that has moved', async () => {
    await using moved = await startFaultProxy({ port: portOf(server) }, { host: '127.0.0.2', port: proxy.port });
    expect(moved.target).toBe(`127.0.0.2:${proxy.port}`);
    const socket = connect(moved.port, '127.0.0.2');
    clientSockets.add(socket);
    const answered = once(socket, 'data');
    socket.write('hello');
    expect(String((await answered)[0])).toBe('hello');
    expect([moved.acceptedConnections, proxy.acceptedConnections]).toEqual([1, 0]);
  });

  it('tells of a connection before it hands anything on', async () => {
    await using deaf = await startFaultProxy(
      { port: portOf(server) },
      { onConnection: (connection) => connection.blackHole() },
    );
    const socket = connect(deaf.port, LOOPBACK);
    clientSockets.add(socket);
    socket.write('nobody hears');
    await deaf.waitFor((now) => now.connections[0]?.heldBytes === 12);
    expect(deaf.connections[0]?.bytesToServer).toBe(0);
  });

  it('ends every socket when it is disposed, also black-holed ones', async () => {
    const { socket, connection } = await openThrough();
    connection.blackHole();
    const closed = closing(socket);
    await proxy[Symbol.asyncDispose]();
    await closed;
    expect(proxy.openConnections).toBe(0);
  });
});
