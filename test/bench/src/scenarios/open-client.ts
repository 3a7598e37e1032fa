import { openGrpcGcp } from '../clients/grpc-gcp.js';
import { openGrpcManifold } from '../clients/grpc-manifold.js';
import { openHttp2 } from '../clients/http2.js';
import { openRaw } from '../clients/raw.js';
import type { ConnectionCount, UnaryClient } from '../clients/unary-client.js';

/** Opens the client that a variant is named after. @throws Error for any other name. */
export function openClient(variant: string, port: number, connections: ConnectionCount): UnaryClient {
  switch (variant) {
    case 'raw':
      return openRaw(port);
    case 'grpc-gcp':
      return openGrpcGcp(port, connections);
    case 'grpc-manifold':
      return openGrpcManifold(port, connections);
    case 'threads: 1':
      return openGrpcManifold(port, connections, 1);
    case 'threads: 2':
      return openGrpcManifold(port, connections, 2);
    case 'http2':
      return openHttp2(port);
    default:
      throw new Error(`There is no client ${variant}`);
  }
}
