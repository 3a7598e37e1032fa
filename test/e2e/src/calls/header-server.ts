import { createServer, type IncomingHttpHeaders, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/** An HTTP/2 server that answers every gRPC call with an empty message and keeps the headers as they came. */
export interface HeaderServer extends AsyncDisposable {
  readonly target: string;
  /** Of every call, oldest first. */
  readonly headers: readonly IncomingHttpHeaders[];
}

/** Starts one on a free port of 127.0.0.1. */
export async function startHeaderServer(): Promise<HeaderServer> {
  const headers: IncomingHttpHeaders[] = [];
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, received) => {
    headers.push(received);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('error', () => undefined);
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    headers,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
