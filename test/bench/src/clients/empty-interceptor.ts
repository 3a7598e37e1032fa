import { credentials, InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { BytesClient } from './bytes-service.js';
import type { UnaryClient } from './unary-client.js';

const empty: Interceptor = (options, nextCall) => new InterceptingCall(nextCall(options));

/** Opens a plain client that has an interceptor which does nothing. */
export function openEmptyInterceptor(port: number): UnaryClient {
  const client = new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure(), { interceptors: [empty] });
  return {
    send: (request, options, done) => void client.send(request, options, done),
    close: () => client.close(),
  };
}
