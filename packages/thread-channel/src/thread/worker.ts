import { parentPort } from 'node:worker_threads';
import { registerRotatedPickFirst } from '@grpc-manifold/core';
import type { Batch } from '../wire/batch.js';
import type { Order } from '../wire/order.js';
import { Host } from './host.js';

if (parentPort === null) throw new Error('thread-channel: this module is the program of a worker thread');
// The members of a pool begin at different addresses by it; what is registered is so in one thread only.
registerRotatedPickFirst();
const host = new Host(parentPort);
parentPort.on('message', (message: Batch | Order) => host.receive(message));
