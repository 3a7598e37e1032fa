import { credentials } from '@grpc/grpc-js';
import { BytesClient } from './bytes-service.js';
import type { UnaryClient } from './unary-client.js';

/** Opens a plain grpc-js client: one connection. */
export function openRaw(port: number): UnaryClient {
  const client = new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    send: (request, options, done) => void client.send(request, options, done),
    close: () => client.close(),
  };
}
