import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { endWithTheBench, processOptions } from '../child-process.js';
import type { UnaryServerOptions } from './start-unary-server.js';

/**
 * A gRPC server with nothing in it but HTTP/2: every call is answered with the same bytes, whatever was asked. It costs
 * a fraction of what the client does, so the client is what is measured.
 */
function createUnaryServer({
  maxConcurrentStreams,
  delayMs = 0,
  responseBytes = 100,
}: UnaryServerOptions): Http2Server {
  const response = Buffer.alloc(5 + responseBytes);
  response.writeUInt32BE(responseBytes, 1);

  const answer = (stream: ServerHttp2Stream): void => {
    if (stream.destroyed || stream.closed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(response);
  };

  const server = createServer({
    // As the server of grpc-js has it: what a slow session holds is no reason to end it.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
    settings: { initialWindowSize: 1 << 20, ...(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }) },
  });
  server.on('session', (session) => {
    session.setLocalWindowSize(4 << 20);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    stream.on('end', () => {
      if (delayMs === 0) answer(stream);
      else setTimeout(answer, delayMs, stream);
    });
  });
  return server;
}

endWithTheBench();
const server = createUnaryServer(processOptions<UnaryServerOptions>());
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
