import { credentials } from '@grpc/grpc-js';
import { boundedQueue, createPooledClient, type BoundedQueueInterceptor, type ConcurrencyLimit } from 'grpc-manifold';
import { BytesClient } from './bytes-service.js';
import type { UnaryClient } from './unary-client.js';

/** A client with the interceptor in front, and that interceptor. */
export interface BoundedQueueClient extends UnaryClient {
  readonly interceptor: BoundedQueueInterceptor;
}

/** Opens a plain client, or a pooled one with its defaults, that has `boundedQueue({ limit })` and nothing else. */
export function openBoundedQueue(
  port: number,
  limit: number | ConcurrencyLimit,
  { pooled = false }: { readonly pooled?: boolean } = {},
): BoundedQueueClient {
  const interceptor = boundedQueue({ limit });
  const options = { interceptors: [interceptor] };
  const target = `127.0.0.1:${port}`;
  const client = pooled
    ? createPooledClient(BytesClient, target, credentials.createInsecure(), options)
    : new BytesClient(target, credentials.createInsecure(), options);
  return {
    interceptor,
    send: (request, callOptions, done) => void client.send(request, callOptions, done),
    close: () => client.close(),
  };
}
