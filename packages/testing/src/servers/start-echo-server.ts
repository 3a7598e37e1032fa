import type { EchoServerSettings } from './echo-server-message.js';
import type { EchoServer, EchoServerOptions } from './echo-server.js';
import { startGrpcGo } from '../peers/grpc-go.js';
import { startGrpcJs } from '../peers/grpc-js.js';
import { missingForPeer } from '../peers/missing-programs.js';
import { startNginx, type NginxServer } from '../peers/nginx.js';
import { chosenPeer, peerSupports, type PeerName } from '../peers/peer.js';

/**
 * By default nginx closes a connection after 1,000 requests. A long load would then lose connections that its test does
 * not mean to lose. Tests of that default use {@link startNginxServer}.
 */
const LASTING_CONNECTIONS = 'keepalive_requests 1000000;';

const START: Readonly<Record<PeerName, (settings: EchoServerSettings) => Promise<EchoServer>>> = {
  'grpc-js': startGrpcJs,
  'grpc-go': startGrpcGo,
  nginx: async (settings) => refusingNothing(await startNginx(settings, LASTING_CONNECTIONS)),
};

/**
 * Starts an echo server in a separate process and waits until it listens. Dispose it, even after it was killed. With
 * nginx, disposal rejects when nginx has refused a stream: no client may exceed the stream limit of a connection.
 *
 * @param peer which server; by default the one that the environment variable `MANIFOLD_PEER` names, or grpc-js.
 * @throws Error when the package has not been built, the server cannot listen, or the peer is not installed or does not
 * support an option.
 */
export async function startEchoServer(
  options: EchoServerOptions = {},
  peer: PeerName = chosenPeer(),
): Promise<EchoServer> {
  return START[peer](settingsFor(peer, options));
}

/**
 * Starts nginx with a grpc-js server behind it, for any chosen peer. Unlike the nginx of {@link startEchoServer}, it
 * may refuse streams, and it closes a connection after 1,000 requests, which is the default of nginx.
 *
 * @param directives more of nginx's directives for its `server` block.
 */
export async function startNginxServer(options: EchoServerOptions = {}, directives = ''): Promise<NginxServer> {
  return startNginx(settingsFor('nginx', options), directives);
}

function refusingNothing(server: NginxServer): NginxServer {
  const dispose = server[Symbol.asyncDispose].bind(server);
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      // Of one that was killed the log is gone.
      const refused = await server.refusedStreams().catch(() => 0);
      await dispose();
      if (refused > 0) throw new Error(`nginx refused ${refused} streams: a connection had more than it allows`);
    },
  });
}

function settingsFor(peer: PeerName, options: EchoServerOptions): EchoServerSettings {
  const missing = missingForPeer(peer);
  if (missing !== undefined) throw new Error(missing);
  if (options.serverOptions !== undefined && !peerSupports('server-options', peer)) {
    throw new Error(`the peer ${peer} takes no options of the grpc-js server`);
  }
  if (options.maxConnectionAgeMs !== undefined && !peerSupports('connection-age', peer)) {
    throw new Error(`the peer ${peer} knows no maxConnectionAgeMs`);
  }
  if (options.keepaliveEnforcement !== undefined && !peerSupports('keepalive-enforcement', peer)) {
    throw new Error(`the peer ${peer} knows no keepaliveEnforcement`);
  }
  const { host = '127.0.0.1', port = 0, delayMs = 0, serverOptions = {}, ...rest } = options;
  return { host, port, delayMs, serverOptions, ...rest };
}
