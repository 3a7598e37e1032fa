import type { ServerOptions } from '@grpc/grpc-js';
import type { EchoServerStats } from './echo-stats.js';

/** Options of an echo server. */
export interface EchoServerOptions {
  /** SETTINGS_MAX_CONCURRENT_STREAMS of every connection. Default: the server's own, no limit or (nginx) 128. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds before any answer, unless the request sets its own. Default 0. */
  readonly delayMs?: number;
  /** PEM texts; without them the server speaks plain text. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Address to listen on. Default '127.0.0.1'. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free one. */
  readonly port?: number;
  /** Milliseconds after which a connection gets a GOAWAY, give or take a tenth. Default: never. Not with nginx. */
  readonly maxConnectionAgeMs?: number;
  /**
   * Milliseconds that calls on such a connection may continue before it is closed. Default: unlimited. Not with nginx.
   */
  readonly maxConnectionAgeGraceMs?: number;
  /**
   * How often a client may send PINGs before grpc-go disconnects it. Default: every five minutes, and only while calls
   * run. Only with grpc-go.
   */
  readonly keepaliveEnforcement?: { readonly minTimeMs: number; readonly permitWithoutStream?: boolean };
  /** Additional options of the grpc-js server. Only with grpc-js. */
  readonly serverOptions?: ServerOptions;
}

/** A real gRPC server that serves Echo in a separate process. */
export interface EchoServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  readonly pid: number;
  /** True between `pause` and `resume`. */
  readonly isPaused: boolean;
  /** Gets the counts from the server. Rejects while the server is paused and after it has exited. */
  stats(): Promise<EchoServerStats>;
  /**
   * Waits until the predicate is true for the counts, and returns them. Rejects with them when the test's time is up.
   */
  waitFor(predicate: (stats: EchoServerStats) => boolean): Promise<EchoServerStats>;
  /**
   * Sends a new SETTINGS_MAX_CONCURRENT_STREAMS on every open connection. It may be lower than the number of streams in
   * use. Only with grpc-js.
   */
  changeLimit(maxConcurrentStreams: number): void;
  /** Stops the process (SIGSTOP): its sockets stay open, but it reads, accepts and answers nothing. */
  pause(): void;
  /** Continues a paused process (SIGCONT). */
  resume(): void;
  /** Kills the process (SIGKILL) and waits until it has exited. The operating system closes its connections. */
  kill(): Promise<void>;
}
