/**
 * The process of the grpc-js server behind an nginx. Its parent controls it with messages, and it exits with its
 * parent.
 */
import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import type { EchoServerMessage, EchoServerReply, EchoServerSettings } from '../servers/echo-server-message.js';
import { EchoCounters, type EchoServerStats } from '../servers/echo-stats.js';
import { serveEcho } from '../servers/serve-echo.js';

const counters = new EchoCounters();
/** One connection for all status requests, so that it can be subtracted from the client connections. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let socketPath = '';

function reply(message: EchoServerReply): void {
  process.send?.(message);
}

/** Gets the numbers of connections from nginx: clients connect to nginx, not to this server. */
async function stats(): Promise<EchoServerStats> {
  const page = await new Promise<string>((resolve, reject) => {
    get({ socketPath, path: '/', agent }, (response) => resolve(text(response))).once('error', reject);
  });
  const active = Number(/Active connections: (\d+)/.exec(page)?.[1]);
  const accepted = Number(/^ (\d+) /m.exec(page)?.[1]);
  // The connection of this request is subtracted.
  return { ...counters.read(), sessions: active - 1, acceptedSessions: accepted - 1 };
}

async function start(settings: EchoServerSettings): Promise<number> {
  socketPath = settings.statusSocket ?? '';
  const { delayMs, serverOptions } = settings;
  return (await serveEcho({ host: '127.0.0.1', port: 0, delayMs, serverOptions }, counters)).port;
}

process.on('message', (message: EchoServerMessage) => {
  // Clients get their stream limit from nginx.
  if (message.kind === 'limit') return;
  const answer =
    message.kind === 'start'
      ? start(message.settings).then((port) => ({ kind: 'listening', port }) as const)
      : stats().then((counts) => ({ kind: 'stats', id: message.id, stats: counts }) as const);
  answer.then(reply, (error: Error) => reply({ kind: 'failed', reason: error.message }));
});

// Without its parent, nothing could stop this process.
process.on('disconnect', () => process.exit());
