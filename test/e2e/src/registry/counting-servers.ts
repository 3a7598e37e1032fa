import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

/** Servers that answer every gRPC call with an empty message, and count the sockets that they have together. */
export interface CountingServers extends AsyncDisposable {
  readonly targets: readonly string[];
  readonly openSockets: number;
  /** The most that were open at one time. */
  readonly peakSockets: number;
  readonly acceptedSockets: number;
}

/** Starts as many as asked for on free ports of 127.0.0.1. @param onSocket is called after each new one was counted. */
export async function startCountingServers(count: number, onSocket: () => void): Promise<CountingServers> {
  const sockets = new Set<Socket>();
  let peakSockets = 0;
  let acceptedSockets = 0;
  const servers: Http2Server[] = Array.from({ length: count }, () => createServer());
  for (const server of servers) {
    server.on('connection', (socket: Socket) => {
      acceptedSockets += 1;
      sockets.add(socket);
      peakSockets = Math.max(peakSockets, sockets.size);
      socket.once('close', () => sockets.delete(socket));
      onSocket();
    });
    server.on('sessionError', () => undefined);
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.resume().on('end', () => stream.end(Buffer.alloc(5)));
    });
    server.listen(0, '127.0.0.1');
  }
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    targets: servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`),
    get openSockets() {
      return sockets.size;
    },
    get peakSockets() {
      return peakSockets;
    },
    get acceptedSockets() {
      return acceptedSockets;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}
