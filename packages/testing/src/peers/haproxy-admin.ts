import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * Sends a command to the admin socket of a haproxy and resolves to the answer.
 *
 * @throws Error when nothing listens on the socket.
 * @see https://docs.haproxy.org/2.6/management.html#9.3
 */
export async function askHaproxy(socketPath: string, command: string): Promise<string> {
  const socket = connect(socketPath);
  socket.end(`${command}\n`);
  return (await text(socket)).trim();
}

/** Reads the numbers of open and accepted connections from `show info`, without those of the admin socket. */
export async function haproxyConnections(socketPath: string): Promise<{ open: number; accepted: number }> {
  const lines = (await askHaproxy(socketPath, 'show stat')).split('\n');
  const names = (lines[0] ?? '').replace(/^# /, '').split(',');
  const row = lines.find((line) => line.startsWith('clients,FRONTEND,'))?.split(',');
  const value = (name: string): number => Number(row?.[names.indexOf(name)]);
  return { open: value('scur'), accepted: value('conn_tot') };
}
