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
// Members of a pool start at different addresses by this policy. grpc-js registers policies for one thread only.
registerRotatedPickFirst();
// An error of a socket that grpc-js has abandoned must not end the thread. ObservedConnection handles this for channels
// that connect once; this subscription covers channels that reconnect.
subscribe('net.client.socket', (message) => watchSocketClose((message as { socket: Socket }).socket));
const host = new Host(parentPort);
parentPort.on('message', (message: Batch | Command) => host.receive(message));
