import { startFaultProxy, type FaultProxy, type ProxiedServer } from './fault-proxy.js';
import type { ProxiedConnection } from './proxied-connection.js';
import { repeatedly } from '../clock/real-time.js';

/** In so many parts of its patience the proxy looks at its connections. */
const LOOKS = 20;

/** Shapes a forgetful proxy. */
export interface ForgetfulProxyOptions {
  /** Milliseconds without a byte, either way, after which a connection is forgotten; up to a twentieth more. */
  readonly forgetAfterMs: number;
  /**
   * What a side gets that says something then: nothing, as by a NAT, or a TCP reset, as by some balancers. Default
   * 'nothing'.
   */
  readonly answer?: 'nothing' | 'reset';
}

/** A proxy as between many clients and their servers: it forgets connections that are idle. */
export interface ForgetfulProxy extends AsyncDisposable {
  /** 'host:port', for a client. */
  readonly target: string;
  /** What it does its work with. */
  readonly proxy: FaultProxy;
  /** Connections that it has forgotten so far. */
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
  const looks = repeatedly(forgetAfterMs / LOOKS, 'it looks which connections have been idle', () => {
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
