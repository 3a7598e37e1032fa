/** The child process of the peer `grpc-js`. Its parent controls it with messages, and it exits with its parent. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { EchoServerMessage, EchoServerReply } from './echo-server-message.js';
import { EchoCounters } from './echo-stats.js';
import { serveEcho, type ServedEcho } from './serve-echo.js';

const counters = new EchoCounters();
let served: ServedEcho | undefined;

function reply(message: EchoServerReply): void {
  process.send?.(message);
}

// An HTTP/2 server has one session on each connection. grpc-js exposes neither, so connections are counted here.
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  counters.sessions += 1;
  counters.acceptedSessions += 1;
  socket.once('close', () => (counters.sessions -= 1));
});

process.on('message', (message: EchoServerMessage) => {
  if (message.kind === 'stats') {
    reply({ kind: 'stats', id: message.id, stats: counters.read() });
    return;
  }
  if (message.kind === 'limit') {
    served?.changeLimit(message.maxConcurrentStreams);
    return;
  }
  serveEcho(message.settings, counters).then(
    (started) => {
      served = started;
      reply({ kind: 'listening', port: started.port });
    },
    (error: Error) => reply({ kind: 'failed', reason: error.message }),
  );
});

// Without its parent, nothing could stop this process.
process.on('disconnect', () => process.exit());
