/** The child process behind `startEchoServer`. It is told everything by its parent and ends with it. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { echoHandlers } from './echo-handlers.js';
import type { EchoServerMessage, EchoServerReply, EchoServerSettings } from './echo-server-message.js';
import { loadEchoPackage } from './echo-service.js';
import { EchoCounters } from './echo-stats.js';

const counters = new EchoCounters();

function reply(message: EchoServerReply): void {
  process.send?.(message);
}

// A server on HTTP/2 has one session on each connection, and grpc-js shows neither; Node tells of the connections.
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  counters.sessions += 1;
  counters.acceptedSessions += 1;
  socket.once('close', () => (counters.sessions -= 1));
});

function start(settings: EchoServerSettings): void {
  const options: ServerOptions = { ...settings.serverOptions };
  if (settings.maxConcurrentStreams !== undefined) {
    options['grpc.max_concurrent_streams'] = settings.maxConcurrentStreams;
  }
  const server = new Server(options);
  server.addService(loadEchoPackage().service, echoHandlers(counters, settings.delayMs));
  const credentials =
    settings.tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(settings.tls.key), cert_chain: Buffer.from(settings.tls.cert) },
        ]);
  server.bindAsync(`${settings.host}:${settings.port}`, credentials, (error, port) => {
    reply(error === null ? { kind: 'listening', port } : { kind: 'failed', reason: error.message });
  });
}

process.on('message', (message: EchoServerMessage) => {
  if (message.kind === 'start') start(message.settings);
  else reply({ kind: 'stats', id: message.id, stats: { ...counters } });
});

// The parent is gone or has let go: nobody could stop us any more.
process.on('disconnect', () => process.exit());
