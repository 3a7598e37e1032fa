import { credentials } from '@grpc/grpc-js';
import { createPooledClient } from 'grpc-manifold';
import { BytesClient } from './bytes-service.js';
import type { ConnectionCount, UnaryClient } from './unary-client.js';

/**
 * Opens a pooled client with every default layer on.
 *
 * @param connections default: the pool's own defaults.
 * @param threads worker threads that they live in; default none.
 */
export function openGrpcManifold(port: number, connections?: ConnectionCount, threads = 0): UnaryClient {
  const client = createPooledClient(BytesClient, `127.0.0.1:${port}`, credentials.createInsecure(), {
    threads,
    ...(connections === undefined ? {} : { minChannels: connections.min, maxChannels: connections.max }),
  });
  return {
    send: (request, options, done) => void client.send(request, options, done),
    onShed: client.pool.onShed,
    close: async () => {
      await client.pool.destroy();
      await client[Symbol.asyncDispose]();
    },
  };
}
