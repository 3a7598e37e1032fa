/** A process of its own: a kitchen with one cook, who takes orders in the order in which they came. */
import * as grpc from '@grpc/grpc-js';
import { Kitchen, type Named } from './kitchen.js';

const COOKING_MS = 1_000 / Number(process.argv[2]);

let freeAtMs = 0;

const cook: grpc.handleUnaryCall<Named, Named> = (call, callback) => {
  // Whoever has gone meanwhile is cooked for all the same: the cook does not see who waits.
  freeAtMs = Math.max(freeAtMs, performance.now()) + COOKING_MS;
  setTimeout(() => callback(null, { name: call.request.name }), freeAtMs - performance.now());
};

const server = new grpc.Server();
server.addService(Kitchen.service, { cook });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
process.on('disconnect', () => process.exit());
