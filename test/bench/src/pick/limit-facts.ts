import { once } from 'node:events';
import { connect, createServer, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { cpuNsPerOperation } from '../load/cpu-per-operation.js';

const SESSIONS = [1, 16, 256];
const LIMIT = 100;

/**
 * Measures what it costs to ask sessions for the limit that their server has set, as a pool does several times a call.
 */
export async function limitFacts(): Promise<string[]> {
  const server = createServer({ settings: { maxConcurrentStreams: LIMIT } }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sessions: ClientHttp2Session[] = [];
  try {
    const costs: string[] = [];
    for (const count of SESSIONS) {
      while (sessions.length < count) {
        const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        sessions.push(session);
        await once(session, 'remoteSettings');
      }
      costs.push(`${(await cpuNsPerOperation((times) => readLimits(sessions, times), 40)).toFixed(1)} ns (${count})`);
    }
    return [`a look at remoteSettings of a session, out of so many in turn: ${costs.join(', ')}`];
  } finally {
    for (const session of sessions) session.destroy();
    server.close();
  }
}

function readLimits(sessions: readonly ClientHttp2Session[], times: number): void {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += (sessions[i % sessions.length] as ClientHttp2Session).remoteSettings.maxConcurrentStreams ?? 0;
  }
  if (sum !== times * LIMIT) throw new Error('A session does not know the limit');
}
