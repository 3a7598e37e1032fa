import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface Item {
  readonly name: string;
}

export interface Price {
  readonly item: string;
  readonly cents: number;
}

/** The client that proto-loader makes of `proto/prices.proto`, typed. */
export interface PricesClient extends grpc.Client {
  quote(item: Item, options: grpc.CallOptions, callback: grpc.requestCallback<Price>): grpc.ClientUnaryCall;
}

interface PricesConstructor {
  new (target: string, credentials: grpc.ChannelCredentials, options?: grpc.ClientOptions): PricesClient;
  readonly service: grpc.ServiceDefinition;
}

const protoFile = fileURLToPath(new URL('../proto/prices.proto', import.meta.url));
const loaded = grpc.loadPackageDefinition(loadSync(protoFile, { defaults: true })) as unknown as {
  prices: { v1: { Prices: PricesConstructor } };
};

/** The generated client class, unchanged. */
export const Prices = loaded.prices.v1.Prices;
