import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { watchSocketClose, registerRotatedPickFirst } from '@grpc-manifold/core/internal';
import { adoptProcessDefaults, type ProcessDefaults } from '../crossing/process-defaults.js';
import type { Batch } from '../wire/batch.js';
import type { Command } from '../wire/command.js';
import { Host } from './host.js';

if (parentPort === null) throw new Error('thread-channel: this module is the program of a worker thread');
adoptProcessDefaults(workerData as ProcessDefaults);
// The members of a pool begin at different addresses by it; what is registered is so in one thread only.
registerRotatedPickFirst();
// Also those of channels that connect more than once: a socket that grpc-js has given up must not end the thread by its
// error.
subscribe('net.client.socket', (message) => watchSocketClose((message as { socket: Socket }).socket));
const host = new Host(parentPort);
parentPort.on('message', (message: Batch | Command) => host.receive(message));
