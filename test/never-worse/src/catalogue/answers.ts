import { createServer as createHttp1Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Family } from '../case.js';
import { inOrder } from '../seen.js';
import type { Stage } from '../stage.js';

/** Listens on a free port, and closes with all its connections when the case is over. Returns the target. */
async function listen(stage: Stage, server: Server | Http2Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const HTTP_STATUSES = [200, 400, 401, 403, 404, 429, 500, 502, 503, 504];

export const answers: Family = {
  heading: 'Answers that are not gRPC',
  cases: [
    {
      title: 'The server speaks HTTP/1 only.',
      run: async (stage) => {
        const client = stage.open(
          await listen(
            stage,
            createHttp1Server((_, response) => response.end('hello')),
          ),
        );
        return { call: await stage.unary(client).ended, next: await stage.unary(client).ended };
      },
      plain: { call: 'UNAVAILABLE', next: 'UNAVAILABLE' },
    },
    {
      title: 'The server closes each connection at once.',
      run: async (stage) => {
        const client = stage.open(
          await listen(
            stage,
            createTcpServer((socket) => socket.end()),
          ),
        );
        return { call: await stage.unary(client).ended, next: await stage.unary(client).ended };
      },
      plain: { call: 'UNAVAILABLE', next: 'UNAVAILABLE' },
    },
    {
      title: `A proxy answers with a page of HTML, with HTTP status ${HTTP_STATUSES.join(', ')} in turn.`,
      report: 'https://github.com/grpc/grpc-node/issues/960',
      run: async (stage) => {
        const server = createHttp2Server();
        let answered = 0;
        server.on('stream', (stream) => {
          stream.respond({ ':status': HTTP_STATUSES[answered++], 'content-type': 'text/html' });
          stream.end('<html><body><h1>Bad Gateway</h1></body></html>');
        });
        const client = stage.open(await listen(stage, server));
        const seen: string[] = [];
        for (let call = 0; call < HTTP_STATUSES.length; call += 1) seen.push(await stage.unary(client).ended);
        return { calls: inOrder(seen) };
      },
      plain: {
        calls: inOrder([
          'RESOURCE_EXHAUSTED',
          'INTERNAL',
          'UNAUTHENTICATED',
          'PERMISSION_DENIED',
          'UNIMPLEMENTED',
          'UNAVAILABLE',
          'UNKNOWN',
          'UNAVAILABLE',
          'UNAVAILABLE',
          'UNAVAILABLE',
        ]),
      },
    },
  ],
};
