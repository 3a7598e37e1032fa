import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startForgetfulProxy, type ForgetfulProxy } from './forgetful-proxy.js';
import { destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import { until } from '../clock/until.js';

const sockets = new Set<Socket>();
let server: Server;

beforeEach(async () => {
  // Sends back whatever comes.
  server = await listenOnLoopback((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
  });
});

afterEach(async () => {
  await destroySockets(sockets);
  sockets.clear();
  await new Promise((resolve) => server.close(resolve));
});

/** A connection that has been used once, and then not for so long that it is forgotten. */
async function forgotten(nat: ForgetfulProxy): Promise<Socket> {
  const socket = connect(nat.proxy.port, LOOPBACK);
  sockets.add(socket);
  const echoed = once(socket, 'data');
  socket.write('hello');
  await echoed;
  expect(nat.forgottenConnections).toBe(0);
  await until('the proxy', () => nat.forgottenConnections > 0);
  return socket;
}

describe('a forgetful proxy', () => {
  it('swallows what is said on a connection that it has forgotten', async () => {
    await using nat = await startForgetfulProxy({ port: portOf(server) }, { forgetAfterMs: 100 });
    const socket = await forgotten(nat);
    socket.write('is anybody there?');
    await nat.proxy.waitFor(({ connections }) => connections[0]?.heldBytes === 17);
    expect(nat.proxy).toMatchObject({ openConnections: 1, openUpstreams: 1 });
  });

  it('answers with a reset when it is told to', async () => {
    await using nat = await startForgetfulProxy({ port: portOf(server) }, { forgetAfterMs: 100, answer: 'reset' });
    const socket = await forgotten(nat);
    const failed = once(socket, 'error');
    socket.write('is anybody there?');
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
  });
});
