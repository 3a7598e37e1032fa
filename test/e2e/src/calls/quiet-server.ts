import type { EchoServer, EchoServerStats } from '@grpc-manifold/testing';

/** Waits until a server that several tests use one after another is as at its beginning, and tells its counts. */
export function quiet(server: EchoServer): Promise<EchoServerStats> {
  return server.waitFor((now) => now.openCalls === 0 && now.sessions === 0);
}
