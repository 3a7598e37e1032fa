import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * Says a command to a haproxy over its admin socket and resolves to the answer.
 *
 * @throws Error when nobody listens there.
 * @see https://docs.haproxy.org/2.6/management.html#9.3
 */
export async function askHaproxy(socketPath: string, command: string): Promise<string> {
  const socket = connect(socketPath);
  socket.end(`${command}\n`);
  return (await text(socket)).trim();
}

/** Reads from `show info` how many connections there are, and there were, without those of the admin socket. */
export async function haproxyConnections(socketPath: string): Promise<{ open: number; accepted: number }> {
  const lines = (await askHaproxy(socketPath, 'show stat')).split('\n');
  const names = (lines[0] ?? '').replace(/^# /, '').split(',');
  const row = lines.find((line) => line.startsWith('clients,FRONTEND,'))?.split(',');
  const value = (name: string): number => Number(row?.[names.indexOf(name)]);
  return { open: value('scur'), accepted: value('conn_tot') };
}
