/** A process of its own: who knows the prices. */
import * as grpc from '@grpc/grpc-js';
import { tell } from './starter.js';
import { Prices, type Item, type Price } from './prices.js';

const quote: grpc.handleUnaryCall<Item, Price> = (call, callback) => {
  callback(null, { item: call.request.name, cents: 1_999 });
};

const server = new grpc.Server();
server.addService(Prices.service, { quote });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  tell(port);
});
