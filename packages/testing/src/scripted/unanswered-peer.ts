import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { forkEntry } from '../process/child-process.js';
import { destroySockets, LOOPBACK } from '../servers/listening-server.js';
import { timePasses } from '../clock/real-time.js';

/** A connection on the loopback is made in well under this, or not at all; Linux is asked which it is. */
const CONNECT_WAIT_MS = 150;
/** A backlog of 1 takes 2 connections on Linux; a system that took this many answers whatever we do. */
const MAX_FILLERS = 16;

/** A port whose connection attempts get no answer at all: neither accepted nor refused. */
export interface UnansweredPeer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
}

/**
 * Starts a process that listens and never accepts, and fills its queue with connections of our own until the system
 * drops further attempts (as Linux does with a SYN for a full queue).
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
    // Ours is not to answer, and the IPC channel has done its work.
    forked.child.disconnect();
    while (await isAnswered(port, fillers)) {
      if (fillers.length >= MAX_FILLERS) throw new Error('the system answers connections beyond the backlog');
    }
    // Once more with a fresh socket: what is pending now must be what a client will see.
    if (await isAnswered(port, fillers)) throw new Error('a connection to the full queue was answered');
    return { port, target: `${LOOPBACK}:${port}`, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Tries once. A connection that was made is kept, to fill the queue; one that is pending is given up. */
async function isAnswered(port: number, fillers: Socket[]): Promise<boolean> {
  const socket = connect(port, LOOPBACK);
  // Its end is ours: the process is killed while they are open.
  socket.on('error', () => {});
  const answered = new Promise<true>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('close', () => resolve(true));
  });
  const isPending = timePasses(CONNECT_WAIT_MS, 'the system would have made the connection').then(() => false);
  // Where the system shows no attempt that is under way, it has answered, and the event is still to come.
  const isMade = (await Promise.race([answered, isPending])) || (hasSynSent(port) === false && (await answered));
  if (isMade) fillers.push(socket);
  else socket.destroy();
  return isMade;
}

/** Asks the system; undefined where it does not show its connections as Linux does (proc(5), /proc/net/tcp). */
function hasSynSent(port: number): boolean | undefined {
  const path = '/proc/net/tcp';
  if (!existsSync(path)) return undefined;
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, , remoteAddress, state]) => remoteAddress?.endsWith(remote) === true && state === '02');
}
