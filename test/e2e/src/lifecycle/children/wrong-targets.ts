/** A program whose clients have wrong targets, beside one that has a good one, and that then has nothing left to do. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { createPooledClient, threadChannelFactory, tlsCredentials, type PooledClient } from 'grpc-manifold';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import { programOptions, say } from './program-side.js';
import type { WrongTarget, WrongTargetsOptions, WrongTargetsReport } from './wrong-targets-contract.js';

const { targets, healthyTarget, threads } = programOptions<WrongTargetsOptions>();
const { EchoClient: Client } = loadEchoPackage();
const factory = threads > 0 ? threadChannelFactory({ threads }) : undefined;

const warnings: string[] = [];
process.on('warning', ({ name, message }) => {
  if (name === 'GrpcManifoldWarning') warnings.push(message);
});
const openSockets = new Set<Socket>();
subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket };
  openSockets.add(socket);
  // Not by its events: grpc-js takes all listeners off some.
});

function open({ target, isTls, channelOptions = {} }: WrongTarget): PooledClient<EchoClient> {
  return createPooledClient(Client, target, isTls === true ? tlsCredentials() : credentials.createInsecure(), {
    ...channelOptions,
    onDispose: 'cancel',
    ...(factory === undefined ? {} : { channelFactory: factory }),
  });
}

function codeOf(error: ServiceError | null): string {
  return status[error?.code ?? status.OK];
}

function unary(client: EchoClient): Promise<string> {
  return new Promise((resolve) => void client.unary({}, (error) => resolve(codeOf(error))));
}

/** Resolves when an attempt is under way. */
async function attempted(client: PooledClient<EchoClient>): Promise<void> {
  while (client.pool.stats().channels.every(({ state }) => state !== 'connecting')) await turn();
}

async function callTo(wrong: WrongTarget): Promise<string> {
  const client = open(wrong);
  const code = unary(client);
  if (wrong.isClosedMidway === true) await attempted(client);
  else await code;
  await client[Symbol.asyncDispose]();
  return code;
}

const healthy = open({ target: healthyTarget });
const healthyCodes: string[] = [];
healthyCodes.push(await unary(healthy));
const stream = healthy.bidi();
const streamEnded = once(stream, 'status') as Promise<[{ code: status }]>;
stream.on('error', () => undefined).resume();
stream.write({});

let isOver = false;
const calls = (async () => {
  while (!isOver) healthyCodes.push(await unary(healthy));
})();
const codes = await Promise.all(targets.map(callTo));
isOver = true;
await calls;
stream.end();
const [{ code }] = await streamEnded;
healthyCodes.push(status[code]);
await healthy[Symbol.asyncDispose]();
await factory?.[Symbol.asyncDispose]();
const stillOpen = [...openSockets].filter((socket) => !socket.closed).length;
say<WrongTargetsReport>({ kind: 'report', codes, healthyCodes, warnings, openSockets: stillOpen });
process.disconnect();
