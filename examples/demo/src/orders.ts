import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** What the client sends. */
export interface Order {
  readonly document: Buffer;
}

/** What the server answers. */
export interface Receipt {
  readonly receivedBytes: number;
}

/** The client that proto-loader makes of `proto/orders.proto`, typed. */
export interface OrdersClient extends grpc.Client {
  place(order: Order, callback: (error: grpc.ServiceError | null, receipt?: Receipt) => void): grpc.ClientUnaryCall;
}

/** The constructor of {@link OrdersClient}, with the definition that a server needs. */
export interface OrdersConstructor {
  new (target: string, credentials: grpc.ChannelCredentials, options?: grpc.ClientOptions): OrdersClient;
  readonly service: grpc.ServiceDefinition;
}

const protoFile = fileURLToPath(new URL('../proto/orders.proto', import.meta.url));
const loaded = grpc.loadPackageDefinition(loadSync(protoFile)) as unknown as {
  demo: { orders: { v1: { Orders: OrdersConstructor } } };
};

/** The generated client class, unchanged: the plain and the pooled client are both made of this one. */
export const Orders = loaded.demo.orders.v1.Orders;
