import { Server, ServerCredentials, type ServerOptions, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';

/** A grpc-js server of this process. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  /** The other side of each call that came, and how often it was seen. */
  readonly peers: ReadonlyMap<string, number>;
  readonly calls: number;
}

/**
 * Serves unary Echo in this process, with an answer that is empty: where a process of its own would cost more than the
 * case.
 *
 * @param address to listen on: '127.0.0.1:0', 'unix:/path'.
 */
export async function startLocalServer(address = '127.0.0.1:0', options: ServerOptions = {}): Promise<LocalServer> {
  const server = new Server(options);
  const peers = new Map<string, number>();
  let calls = 0;
  const handlers: UntypedServiceImplementation = {
    Unary: (call: { getPeer(): string }, callback: (error: null, response: object) => void) => {
      calls += 1;
      peers.set(call.getPeer(), (peers.get(call.getPeer()) ?? 0) + 1);
      callback(null, {});
    },
  };
  server.addService(loadEchoPackage().service, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    peers,
    get calls() {
      return calls;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}
