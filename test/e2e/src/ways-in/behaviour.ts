import type { Interceptor } from '@grpc/grpc-js';
import type { EchoClient, EchoServer } from '@grpc-manifold/testing';
import type { RawServer } from './raw-server.js';
import type { Wish } from './way.js';

/** Where a behaviour is shown. */
export interface Stage {
  readonly raw: RawServer;
  readonly echo: EchoServer;
  /** The same, over TLS. */
  readonly secure: EchoServer;
  /** PEM text of the certificate of `secure`. */
  readonly certificate: string;
  /** Makes a client in the way that is looked at, to the raw server over plain text unless it is said otherwise. */
  open(wish?: Partial<Wish>): EchoClient;
  /** The interceptors to give to one call of the client that was opened last. */
  perCall(...interceptors: Interceptor[]): Interceptor[];
}

/** Something that grpc-js does, and that must be the same over a pool. */
export interface Behaviour {
  readonly name: string;
  /** Brings it about once, and returns all that client and server saw of it. */
  run(stage: Stage): Promise<unknown>;
  /** What the plain client saw is like this, or it was not brought about. */
  readonly shows: unknown;
}
