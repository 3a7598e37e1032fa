import {
  startEchoServer,
  startFaultProxy,
  type EchoServer,
  type FaultProxy,
  type ProxiedConnection,
} from '@grpc-manifold/testing';

/** Milliseconds after which a server sends a connection away (GOAWAY), give or take a tenth. */
const MAX_CONNECTION_AGE_MS = 12_000;

/** One of the servers, with the proxy that breaks what leads to it. */
export class Origin implements AsyncDisposable {
  #server: EchoServer;
  /** Is told of each new connection. */
  onConnection: (connection: ProxiedConnection) => void = () => undefined;
  isDown = false;

  private constructor(
    server: EchoServer,
    readonly proxy: FaultProxy,
  ) {
    this.#server = server;
  }

  static async start(maxConcurrentStreams: number): Promise<Origin> {
    const server = await serve(maxConcurrentStreams);
    const told = { by: (_connection: ProxiedConnection): void => undefined };
    const proxy = await startFaultProxy(server, { onConnection: (connection) => told.by(connection) });
    const origin = new Origin(server, proxy);
    told.by = (connection) => origin.onConnection(connection);
    return origin;
  }

  /** Ends the server at once: the system closes its connections. */
  async kill(): Promise<void> {
    this.isDown = true;
    await this.#server.kill();
  }

  /**
   * Starts a server on the same port, which allows as many streams.
   *
   * @param maxConnectionAgeMs milliseconds after which it sends a connection away, give or take a tenth. Default
   * 12,000.
   */
  async revive(maxConcurrentStreams: number, maxConnectionAgeMs = MAX_CONNECTION_AGE_MS): Promise<void> {
    this.#server = await serve(maxConcurrentStreams, this.#server.port, maxConnectionAgeMs);
    this.isDown = false;
  }

  /** Has the server send every connection another limit of streams, which may be less than what is in use. */
  changeLimit(maxConcurrentStreams: number): void {
    if (!this.isDown) this.#server.changeLimit(maxConcurrentStreams);
  }

  /** Stops the server where it stands. */
  pause(): void {
    this.#server.pause();
  }

  resume(): void {
    this.#server.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

function serve(
  maxConcurrentStreams: number,
  port = 0,
  maxConnectionAgeMs = MAX_CONNECTION_AGE_MS,
): Promise<EchoServer> {
  // grpc-js, whatever the chosen peer: the soak's is its own.
  return startEchoServer({ port, maxConcurrentStreams, maxConnectionAgeMs }, 'grpc-js');
}
