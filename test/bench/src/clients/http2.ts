import { connect } from 'node:http2';
import { BYTES_PATH, type Done } from './bytes-service.js';
import type { UnaryClient } from './unary-client.js';

/** Opens one node:http2 session and speaks just enough gRPC on it: what a unary call costs at the least. */
export function openHttp2(port: number): UnaryClient {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { enablePush: false } });
  const headers = {
    ':method': 'POST',
    ':path': BYTES_PATH,
    ':scheme': 'http',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  return {
    send(request, _options, done: Done) {
      const frame = Buffer.allocUnsafe(5 + request.length);
      frame[0] = 0;
      frame.writeUInt32BE(request.length, 1);
      request.copy(frame, 5);
      const stream = session.request(headers);
      let status: unknown;
      stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
      stream.on('data', () => undefined);
      stream.on('error', () => undefined);
      stream.on('close', () => done(status === '0' ? null : (new Error(`grpc-status ${String(status)}`) as never)));
      stream.end(frame);
    },
    close: () => session.destroy(),
  };
}
