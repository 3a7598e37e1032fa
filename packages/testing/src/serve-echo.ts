import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { echoHandlers } from './echo-handlers.js';
import type { EchoServerSettings } from './echo-server-message.js';
import { loadEchoPackage } from './echo-service.js';
import type { EchoCounters } from './echo-stats.js';

/** Serves Echo with grpc-js in this process, until it ends. Returns the port. @throws Error when it cannot listen. */
export function serveEcho(settings: EchoServerSettings, counters: EchoCounters): Promise<number> {
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
      error === null ? resolve(bound) : reject(error),
    );
  });
}
