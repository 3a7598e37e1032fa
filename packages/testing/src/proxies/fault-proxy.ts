import { connect, type Server, type Socket } from 'node:net';
import { Condition } from '../clock/condition.js';
import { closeServer, destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import { SocketPair, type ProxiedConnection } from './proxied-connection.js';

/** Options of a fault proxy. */
export interface FaultProxyOptions {
  /** Address of this machine to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free one. */
  readonly port?: number;
  /** Called for each connection before any byte is forwarded, so that a test can break it from the start. */
  readonly onConnection?: (connection: ProxiedConnection) => void;
}

/** A TCP proxy that counts connections and breaks them on demand. It does not parse the bytes. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  /** The open connections, oldest first. */
  readonly connections: readonly ProxiedConnection[];
  readonly acceptedConnections: number;
  readonly openConnections: number;
  readonly closedConnections: number;
  /** The highest number of connections that were open at the same time. */
  readonly peakConnections: number;
  /**
   * The number of open sockets from the proxy to the server. A socket outlives its client connection while a black hole
   * withholds the end of the connection from the server.
   */
  readonly openUpstreams: number;
  /** Stops listening: the operating system refuses new connections; open connections stay. */
  refuseNew(): void;
  /** Listens again on the same port. */
  acceptNew(): Promise<void>;
  /** Waits until the predicate is true. It is checked after every event. Rejects when the test's time is up. */
  waitFor(predicate: (proxy: FaultProxy) => boolean): Promise<void>;
}

/** A server that a proxy connects to. */
export interface ProxiedServer {
  readonly host?: string;
  readonly port: number;
}

/**
 * Starts a proxy in front of a server. It opens one connection to the server for each connection that it accepts.
 *
 * @param server the server, or a function that selects a server for each connection.
 */
export async function startFaultProxy(
  server: ProxiedServer | (() => ProxiedServer),
  options: FaultProxyOptions = {},
): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(typeof server === 'function' ? server : () => server, options);
  await proxy.acceptNew();
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly #upstream: () => ProxiedServer;
  readonly #host: string;
  readonly #options: FaultProxyOptions;
  readonly #condition = new Condition(
    'the fault proxy',
    () => `${this.acceptedConnections} accepted, ${this.openConnections} open, ${this.closedConnections} closed`,
  );
  readonly #sockets = new Set<Socket>();
  readonly #upstreams = new Set<Socket>();
  readonly #open = new Map<Socket, SocketPair>();
  readonly #closings: Promise<void>[] = [];
  #server: Server | undefined;
  port: number;
  acceptedConnections = 0;
  closedConnections = 0;
  peakConnections = 0;

  constructor(upstream: () => ProxiedServer, options: FaultProxyOptions) {
    this.#upstream = upstream;
    this.#host = options.host ?? LOOPBACK;
    this.port = options.port ?? 0;
    this.#options = options;
  }

  get target(): string {
    return `${this.#host}:${this.port}`;
  }

  get connections(): readonly ProxiedConnection[] {
    return [...this.#open.values()];
  }

  get openConnections(): number {
    return this.#open.size;
  }

  get openUpstreams(): number {
    return this.#upstreams.size;
  }

  refuseNew(): void {
    if (this.#server === undefined) return;
    this.#closings.push(closeServer(this.#server));
    this.#server = undefined;
  }

  async acceptNew(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = await listenOnLoopback((socket) => this.#accept(socket), this.port, this.#host);
    this.port = portOf(this.#server);
  }

  waitFor(predicate: (proxy: FaultProxy) => boolean): Promise<void> {
    return this.#condition.until(() => predicate(this));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuseNew();
    await destroySockets(this.#sockets);
    await Promise.all(this.#closings);
    this.#condition.giveUp();
  }

  #accept(client: Socket): void {
    const { host = LOOPBACK, port } = this.#upstream();
    const upstream = connect({ host, port });
    this.acceptedConnections += 1;
    const pair = new SocketPair(this.acceptedConnections, client, upstream, () => this.#condition.changed());
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    this.#upstreams.add(upstream);
    upstream.once('close', () => {
      this.#upstreams.delete(upstream);
      this.#condition.changed();
    });
    this.#open.set(client, pair);
    this.peakConnections = Math.max(this.peakConnections, this.#open.size);
    client.once('close', () => {
      this.#open.delete(client);
      this.closedConnections += 1;
      this.#condition.changed();
    });
    this.#options.onConnection?.(pair);
    this.#condition.changed();
  }
}
