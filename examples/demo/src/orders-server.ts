/** A process of its own: one Orders server on a free port. Started by `servers.ts`, which is told the port. */
import { parseArgs } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { liveWithParent } from './family.js';
import { Orders, type Order, type Receipt } from './orders.js';

liveWithParent();

const { values } = parseArgs({
  options: {
    'answer-after-ms': { type: 'string', default: '0' },
    'max-concurrent-streams': { type: 'string', default: '0' },
  },
});
const answerAfterMs = Number(values['answer-after-ms']);
const maxConcurrentStreams = Number(values['max-concurrent-streams']);

const place: grpc.handleUnaryCall<Order, Receipt> = (call, callback) => {
  const receipt = { receivedBytes: call.request.document.length };
  if (answerAfterMs === 0) callback(null, receipt);
  else setTimeout(() => callback(null, receipt), answerAfterMs);
};

const server = new grpc.Server(maxConcurrentStreams > 0 ? { 'grpc.max_concurrent_streams': maxConcurrentStreams } : {});
server.addService(Orders.service, { place });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});
