import {
  selfSignedCertificate,
  startEchoServer,
  type CertificateKind,
  type EchoServer,
  type EchoServerOptions,
} from '@grpc-manifold/testing';

/** Starts a real server, as {@link startEchoServer} does: the place where another one than grpc-js comes in. */
export type StartServer = (options: EchoServerOptions) => Promise<EchoServer>;

/** The real servers of a run: each is started when it is asked for first, and serves every fault that needs it. */
export class Servers implements AsyncDisposable {
  readonly #started = new Map<string, Promise<EchoServer>>();

  constructor(readonly start: StartServer = startEchoServer) {}

  /** A server that is well and speaks plain text. */
  plain(): Promise<EchoServer> {
    return this.#once('plain', () => this.start({}));
  }

  /** A server with a certificate of that kind. */
  tls(kind: CertificateKind): Promise<EchoServer> {
    return this.#once(kind, async () => this.start({ tls: await selfSignedCertificate(kind) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#started.values()].map(async (server) => (await server)[Symbol.asyncDispose]()));
  }

  #once(name: string, start: () => Promise<EchoServer>): Promise<EchoServer> {
    const started = this.#started.get(name) ?? start();
    this.#started.set(name, started);
    return started;
  }
}
