import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The address that tests listen on. */
export const LOOPBACK = '127.0.0.1';

/** Listens on a loopback address and returns when it does. @param port 0 for any free one. */
export async function listenOnLoopback(
  onSocket: (socket: Socket) => void,
  port = 0,
  host: string = LOOPBACK,
): Promise<Server> {
  const server = createServer(onSocket);
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

/** The port that a listening server has. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Destroys sockets and waits until each has closed. */
export async function destroySockets(sockets: Iterable<Socket>): Promise<void> {
  await Promise.all(
    [...sockets].map(async (socket) => {
      if (socket.closed) return;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
    }),
  );
}

/** Stops listening and waits until the server is closed, which it is when its last connection is. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Returns a port that is free now. Another process may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = await listenOnLoopback((socket) => socket.destroy());
  const port = portOf(server);
  await closeServer(server);
  return port;
}
