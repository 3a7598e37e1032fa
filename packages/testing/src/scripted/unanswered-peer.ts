import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { forkEntry } from '../process/child-process.js';
import { destroySockets, LOOPBACK } from '../servers/listening-server.js';
import { timePasses } from '../clock/real-time.js';

/** A connection over the loopback takes much less time than this, if it succeeds. On Linux /proc is checked as well. */
const CONNECT_WAIT_MS = 150;
/** Linux accepts 2 connections with a backlog of 1. A system that accepts this many does not support the test. */
const MAX_FILLERS = 16;

/** A port whose connection attempts get no answer at all: neither accepted nor refused. */
export interface UnansweredPeer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
}

/**
 * Starts a process that listens and never accepts, and fills its backlog with connections until the operating system
 * drops further attempts, as Linux drops a SYN for a full backlog.
 *
 * @throws Error when an attempt is still answered, so that no test passes for a wrong reason.
 */
export async function startUnansweredPeer(): Promise<UnansweredPeer> {
  const forked = forkEntry('scripted/unanswered-peer-process');
  const fillers: Socket[] = [];
  const dispose = async (): Promise<void> => {
    forked.kill();
    await destroySockets(fillers);
    await forked.exited;
  };
  try {
    const port = await Promise.race([
      once(forked.child, 'message').then(([message]) => (message as { port: number }).port),
      forked.exited.then(() => Promise.reject(new Error('the unanswered peer ended before it listened'))),
    ]);
    // The process must not answer, and the IPC channel is no longer needed.
    forked.child.disconnect();
    while (await isAnswered(port, fillers)) {
      if (fillers.length >= MAX_FILLERS) throw new Error('the system answers connections beyond the backlog');
    }
    // Tried again with a new socket, to verify that a client's attempt will be pending.
    if (await isAnswered(port, fillers)) throw new Error('a connection to the full queue was answered');
    return { port, target: `${LOOPBACK}:${port}`, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Connects once. A successful connection stays open to fill the backlog; a pending one is destroyed. */
async function isAnswered(port: number, fillers: Socket[]): Promise<boolean> {
  const socket = connect(port, LOOPBACK);
  // Errors are expected: the process is killed while the connections are open.
  socket.on('error', () => {});
  const answered = new Promise<true>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('close', () => resolve(true));
  });
  const isPending = timePasses(CONNECT_WAIT_MS, 'the system would have made the connection').then(() => false);
  // When /proc shows no pending attempt, the connection was answered and the event follows.
  const isMade = (await Promise.race([answered, isPending])) || (hasSynSent(port) === false && (await answered));
  if (isMade) fillers.push(socket);
  else socket.destroy();
  return isMade;
}

/** Reads from /proc/net/tcp (proc(5)) whether an attempt is pending; undefined on systems without that file. */
function hasSynSent(port: number): boolean | undefined {
  const path = '/proc/net/tcp';
  if (!existsSync(path)) return undefined;
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, , remoteAddress, state]) => remoteAddress?.endsWith(remote) === true && state === '02');
}
