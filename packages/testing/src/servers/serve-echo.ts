import type { ServerHttp2Session } from 'node:http2';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { echoHandlers } from './echo-handlers.js';
import type { EchoServerSettings } from './echo-server-message.js';
import { loadEchoPackage } from './echo-service.js';
import type { EchoCounters } from './echo-stats.js';

/** A listening server in this process. */
export interface ServedEcho {
  readonly port: number;
  /** Sends a new SETTINGS_MAX_CONCURRENT_STREAMS on every open connection. */
  changeLimit(maxConcurrentStreams: number): void;
}

/** Serves Echo with grpc-js in this process until the process exits. @throws Error when it cannot listen. */
export function serveEcho(settings: EchoServerSettings, counters: EchoCounters): Promise<ServedEcho> {
  const { host, port, delayMs, maxConcurrentStreams, maxConnectionAgeMs, maxConnectionAgeGraceMs, tls, serverOptions } =
    settings;
  const options: ServerOptions = { ...serverOptions };
  if (maxConcurrentStreams !== undefined) options['grpc.max_concurrent_streams'] = maxConcurrentStreams;
  if (maxConnectionAgeMs !== undefined) options['grpc.max_connection_age_ms'] = maxConnectionAgeMs;
  if (maxConnectionAgeGraceMs !== undefined) options['grpc.max_connection_age_grace_ms'] = maxConnectionAgeGraceMs;
  const server = new Server(options);
  server.addService(loadEchoPackage().service, echoHandlers(counters, delayMs));
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]);
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, credentials, (error, bound) =>
      error === null ? resolve({ port: bound, changeLimit: limitOf(server) }) : reject(error),
    );
  });
}

/** grpc-js has no API to change the stream limit. It stores its sessions in this private field. */
function limitOf(server: Server): (maxConcurrentStreams: number) => void {
  const { sessions } = server as unknown as { sessions: ReadonlyMap<ServerHttp2Session, unknown> };
  return (maxConcurrentStreams) => {
    for (const session of sessions.keys()) {
      if (!session.destroyed) session.settings({ maxConcurrentStreams });
    }
  };
}
