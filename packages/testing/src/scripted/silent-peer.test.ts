import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it } from 'vitest';
import { selfSignedCertificate } from '../servers/self-signed.js';
import { startSilentAfterTlsPeer, startSilentTlsPeer } from './silent-peer.js';
import { startUnansweredPeer } from './unanswered-peer.js';

it('a silent peer accepts, reads a whole ClientHello and answers nothing', async () => {
  await using peer = await startSilentTlsPeer();
  const socket = connect(peer.port, '127.0.0.1');
  let heard = 0;
  socket.on('data', (chunk) => (heard += chunk.length));
  const secured = connectTls({ socket, rejectUnauthorized: false });
  secured.on('error', () => {});
  // A record header of 5 bytes and then some.
  await peer.waitFor((now) => now.receivedBytes > 100);
  expect([peer.acceptedConnections, peer.openConnections, heard]).toEqual([1, 1, 0]);
  secured.destroy();
  socket.destroy();
  await peer.waitFor((now) => now.openConnections === 0);
});

it('a peer that is silent after TLS completes the handshake for HTTP/2 and sends nothing', async () => {
  const certificate = await selfSignedCertificate();
  await using peer = await startSilentAfterTlsPeer(certificate);
  const socket = connectTls({ port: peer.port, host: 'localhost', ca: certificate.cert, ALPNProtocols: ['h2'] });
  let heard = 0;
  socket.on('data', (chunk) => (heard += chunk.length));
  await once(socket, 'secureConnect');
  socket.write('PRI');
  await peer.waitFor((now) => now.receivedBytes === 3);
  expect([socket.alpnProtocol, peer.openConnections, heard]).toEqual(['h2', 1, 0]);
  socket.destroy();
  await peer.waitFor((now) => now.openConnections === 0);
});

it('an unanswered peer neither accepts nor refuses, and is gone when it is disposed', async () => {
  const peer = await startUnansweredPeer();
  const socket = connect(peer.port, '127.0.0.1');
  const events: string[] = [];
  for (const event of ['connect', 'error', 'close']) socket.on(event, () => events.push(event));
  await new Promise((resolve) => setImmediate(resolve));
  expect([socket.connecting, events]).toEqual([true, []]);
  socket.removeAllListeners('close');
  socket.destroy();
  await peer[Symbol.asyncDispose]();
  const refused = connect(peer.port, '127.0.0.1');
  const code = await new Promise((resolve) => {
    refused.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  expect(code).toBe('ECONNREFUSED');
});
