import * as grpc from '@grpc/grpc-js';
import { createPooledClient } from 'grpc-manifold';
import type { Contestant } from '../act.js';
import { Orders, type OrdersClient } from '../orders.js';

/** A client and the one thing that the demo asks of it besides calls. */
export interface OpenClient extends AsyncDisposable {
  readonly orders: OrdersClient;
  /** Connections that carry calls now. */
  connections(): number;
}

/** Opens the client of a contestant. Both have their default options. */
export function openClient(contestant: Contestant, target: string): OpenClient {
  const credentials = grpc.credentials.createInsecure();
  if (contestant === 'plain') {
    const orders = new Orders(target, credentials);
    return {
      orders,
      connections: () => 1,
      [Symbol.asyncDispose]: async () => orders.close(),
    };
  }
  const orders = createPooledClient(Orders, target, credentials);
  return {
    orders,
    connections: () => orders.pool.stats().channels.filter((channel) => channel.state === 'ready').length,
    [Symbol.asyncDispose]: () => orders[Symbol.asyncDispose](),
  };
}
