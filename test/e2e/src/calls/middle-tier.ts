import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadEchoPackage, type EchoRequest, type EchoResponse } from '@grpc-manifold/testing';

/** A call that came in at the middle tier. */
export type IncomingCall = ServerUnaryCall<EchoRequest, EchoResponse>;

/** A grpc-js server in this process that answers unary calls by making calls of its own. */
export interface MiddleTier extends AsyncDisposable {
  readonly target: string;
}

/** Starts one. @param onUnary makes the calls, with the one that came in as their parent. */
export async function startMiddleTier(
  onUnary: (call: IncomingCall, answer: sendUnaryData<Partial<EchoResponse>>) => void,
): Promise<MiddleTier> {
  const server = new Server();
  const unimplemented = (): void => undefined;
  const handlers: UntypedServiceImplementation = {
    Unary: onUnary as UntypedServiceImplementation[string],
    ServerStream: unimplemented,
    ClientStream: unimplemented,
    Bidi: unimplemented,
  };
  server.addService(loadEchoPackage().service, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    target: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}
