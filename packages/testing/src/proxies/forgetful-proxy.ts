import { startFaultProxy, type FaultProxy, type ProxiedServer } from './fault-proxy.js';
import type { ProxiedConnection } from './proxied-connection.js';
import { repeatedly } from '../clock/real-time.js';

/** The number of checks for idle connections within `forgetAfterMs`. */
const CHECKS = 20;

/** Options of a forgetful proxy. */
export interface ForgetfulProxyOptions {
  /** Milliseconds without a byte in either direction after which a connection is forgotten; up to 5 % more. */
  readonly forgetAfterMs: number;
  /**
   * The answer to a side that sends data afterwards: nothing, as with a NAT, or a TCP reset, as with some load
   * balancers. Default 'nothing'.
   */
  readonly answer?: 'nothing' | 'reset';
}

/** A proxy that forgets idle connections, as a NAT or a load balancer does. */
export interface ForgetfulProxy extends AsyncDisposable {
  /** 'host:port', for a client. */
  readonly target: string;
  /** The fault proxy that it uses. */
  readonly proxy: FaultProxy;
  /** The number of connections that it has forgotten. */
  readonly forgottenConnections: number;
}

/** Starts a forgetful proxy in front of a server. */
export async function startForgetfulProxy(
  server: ProxiedServer,
  { forgetAfterMs, answer = 'nothing' }: ForgetfulProxyOptions,
): Promise<ForgetfulProxy> {
  const proxy = await startFaultProxy(server);
  const seen = new Map<ProxiedConnection, { bytes: number; atMs: number; isForgotten: boolean }>();
  let forgottenConnections = 0;

  const look = (connection: ProxiedConnection): void => {
    const bytes = connection.bytesToServer + connection.bytesToClient;
    const last = seen.get(connection);
    if (last?.isForgotten === true) {
      if (answer === 'reset' && connection.heldBytes > 0) connection.reset();
    } else if (last === undefined || last.bytes !== bytes) {
      seen.set(connection, { bytes, atMs: performance.now(), isForgotten: false });
    } else if (performance.now() - last.atMs >= forgetAfterMs) {
      last.isForgotten = true;
      forgottenConnections += 1;
      connection.blackHole();
    }
  };
  const looks = repeatedly(forgetAfterMs / CHECKS, 'it looks which connections have been idle', () => {
    for (const connection of seen.keys()) if (!connection.isOpen) seen.delete(connection);
    proxy.connections.forEach(look);
  });

  return {
    target: proxy.target,
    proxy,
    get forgottenConnections() {
      return forgottenConnections;
    },
    async [Symbol.asyncDispose]() {
      looks[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
