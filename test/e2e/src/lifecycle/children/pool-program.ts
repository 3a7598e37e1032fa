/** A program that makes a pooled client, does what it is told with it, and then has nothing left to do. */
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { credentials, Metadata, status, type CallOptions } from '@grpc/grpc-js';
import { createPooledClient, explain, tlsCredentials, type PooledClient } from 'grpc-manifold';
import { type EchoClient, loadEchoPackage, repeatedly } from '@grpc-manifold/testing';
import type { PoolProgramMessage, PoolProgramOptions, PoolProgramReport } from './pool-program-contract.js';
import { programOptions, say, threads, told } from './program-side.js';

const {
  target,
  rootCertificate,
  pool = {},
  calls = [],
  connects,
  disposes,
  waits,
  lingers,
} = programOptions<PoolProgramOptions>();
const { EchoClient: Client } = loadEchoPackage();

/** Every TCP socket that this process ever made as a client, until it is closed. Ref'd or not. */
const openSockets = new Set<Socket>();
let madeSockets = 0;
subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket };
  madeSockets += 1;
  openSockets.add(socket);
  socket.once('close', () => openSockets.delete(socket));
  say<PoolProgramMessage>({ kind: 'socket' });
});

const endings: PoolProgramReport['endings'][number][] = [];
let startedCalls = 0;

/** Those in threads are not seen here; what is: that another connection is being made. */
function watchThreads(client: PooledClient<EchoClient>): void {
  if (threads === 0) return;
  const seen = new Set<number>();
  const watch = repeatedly(1, 'a look for connections that are new', () => {
    for (const { id } of client.pool.stats().channels) {
      if (!seen.has(id)) say<PoolProgramMessage>({ kind: 'socket' });
      seen.add(id);
    }
  });
  watch.unref();
}

function open(): PooledClient<EchoClient> {
  if (rootCertificate !== undefined) {
    // The certificate is for this name; the target is an address, which TLS does not take for one.
    const options = { ...pool, threads, 'grpc.ssl_target_name_override': 'localhost' };
    return createPooledClient(Client, target, tlsCredentials({ rootCerts: Buffer.from(rootCertificate) }), options);
  }
  return createPooledClient(Client, target, credentials.createInsecure(), { ...pool, threads });
}

function start(client: EchoClient): void {
  for (const { count, request, deadlineMs, waitForReady } of calls) {
    for (let left = count ?? 1; left > 0; left -= 1) {
      startedCalls += 1;
      const metadata = new Metadata({ waitForReady: waitForReady ?? false });
      const options: CallOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      client.unary(request, metadata, options, (error) => {
        const explanation = explain(error);
        endings.push({
          code: status[error?.code ?? status.OK],
          ...(explanation?.refusedBy === undefined ? {} : { refusedBy: explanation.refusedBy }),
          ...(explanation?.fault === undefined ? {} : { fault: explanation.fault.tag }),
        });
      });
    }
  }
  say<PoolProgramMessage>({ kind: 'started' });
}

process.on('exit', () => {
  // IPC is asynchronous and would be lost here.
  const made = threads > 0 ? null : madeSockets;
  writeSync(1, JSON.stringify({ startedCalls, endings, madeSockets: made, openSockets: openSockets.size }));
});

async function work(client: PooledClient<EchoClient>): Promise<void> {
  watchThreads(client);
  if (connects === true) client.pool.getConnectivityState(true);
  start(client);
  if (waits === true) await told('leave');
  say<PoolProgramMessage>({ kind: 'leaving', atMs: Date.now() });
}

if (disposes === true) {
  {
    await using client = open();
    await work(client);
  }
  say<PoolProgramMessage>({
    kind: 'left',
    atMs: Date.now(),
    openSockets: openSockets.size,
    endedCalls: endings.length,
  });
  if (lingers === true) await told('go');
} else {
  await work(open());
}
