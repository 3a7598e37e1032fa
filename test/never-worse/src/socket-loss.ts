import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { BroadcastChannel } from 'node:worker_threads';

/** An error of a socket, to be met by every connection to a port. */
export interface SocketLoss {
  readonly port: number;
  readonly code: string;
}

const CHANNEL = 'never-worse: socket loss';

/** Lets sockets that this thread opens from now on be lost by {@link loseSockets}. Returns what ends it. */
export function loseSocketsWhenTold(): () => void {
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.client.socket', onSocket);
  const told = new BroadcastChannel(CHANNEL);
  told.onmessage = (event): void => {
    const { port, code } = (event as { data: SocketLoss }).data;
    for (const socket of sockets) {
      // As libuv's errors of a write arrive.
      if (socket.remotePort === port) {
        socket.destroy(Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }));
      }
    }
  };
  told.unref();
  return () => {
    unsubscribe('net.client.socket', onSocket);
    told.close();
  };
}

/** Loses every connection to a port, in whatever thread it is. */
export function loseSockets(loss: SocketLoss): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(loss);
  channel.close();
}
