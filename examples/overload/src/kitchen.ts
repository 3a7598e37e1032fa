import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** What the client asks for, and what it gets. */
export interface Named {
  readonly name: string;
}

/** The client that proto-loader makes of `proto/kitchen.proto`, typed. */
export interface KitchenClient extends grpc.Client {
  cook(order: Named, options: grpc.CallOptions, callback: grpc.requestCallback<Named>): grpc.ClientUnaryCall;
}

interface KitchenConstructor {
  new (target: string, credentials: grpc.ChannelCredentials, options?: grpc.ClientOptions): KitchenClient;
  readonly service: grpc.ServiceDefinition;
}

const protoFile = fileURLToPath(new URL('../proto/kitchen.proto', import.meta.url));
const loaded = grpc.loadPackageDefinition(loadSync(protoFile)) as unknown as {
  kitchen: { v1: { Kitchen: KitchenConstructor } };
};

/** The generated client class, unchanged. */
export const Kitchen = loaded.kitchen.v1.Kitchen;
