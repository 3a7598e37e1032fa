import { credentials } from '@grpc/grpc-js';
import { circuitBreaker, type CircuitBreakerOptions } from 'grpc-manifold';
import { BytesClient } from './bytes-service.js';
import type { UnaryClient } from './unary-client.js';

/** Opens a plain client that has `circuitBreaker(options)` and nothing else. */
export function openCircuitBreaker(port: number, options: CircuitBreakerOptions): UnaryClient {
  const breaker = circuitBreaker(options);
  const client = new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure(), { interceptors: [breaker] });
  return {
    send: (request, callOptions, done) => void client.send(request, callOptions, done),
    close: () => {
      client.close();
      breaker[Symbol.dispose]();
    },
  };
}
