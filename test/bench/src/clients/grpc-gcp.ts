import * as grpc from '@grpc/grpc-js';
import grpcGcp from 'grpc-gcp';
import { BytesClient } from './bytes-service.js';
import type { ConnectionCount, UnaryClient } from './unary-client.js';

/** Opens a client over grpc-gcp's pool, which opens another connection when the least busy one has 100 streams. */
export function openGrpcGcp(port: number, { min, max }: ConnectionCount): UnaryClient {
  const gcp = grpcGcp(grpc);
  const client = new BytesClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    channelFactoryOverride: gcp.gcpChannelFactoryOverride,
    callInvocationTransformer: gcp.gcpCallInvocationTransformer,
    gcpApiConfig: gcp.createGcpApiConfig({
      channelPool: { minSize: min, maxSize: max, maxConcurrentStreamsLowWatermark: 100 },
    }),
  });
  return {
    send: (request, options, done) => void client.send(request, options, done),
    close: () => client.close(),
  };
}
