import type { ServerOptions } from '@grpc/grpc-js';
import type { EchoServerStats } from './echo-stats.js';

/** Shapes an echo server. */
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
   * Milliseconds that calls on such a connection may go on for, before it is closed on them. Default: for ever. Not
   * with nginx.
   */
  readonly maxConnectionAgeGraceMs?: number;
  /**
   * How often a client may send PINGs before grpc-go throws it out. Default: grpc-go's own, every five minutes, and
   * only while calls run. Only with it.
   */
  readonly keepaliveEnforcement?: { readonly minTimeMs: number; readonly permitWithoutStream?: boolean };
  /** More options of the grpc-js server. Only with it. */
  readonly serverOptions?: ServerOptions;
}

/** A real gRPC server in a process of its own, serving Echo. */
export interface EchoServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  readonly pid: number;
  /** True between `pause` and `resume`. */
  readonly isPaused: boolean;
  /** Asks the server for its counts. Rejects while it is paused and once it is gone. */
  stats(): Promise<EchoServerStats>;
  /** Waits until the counts are as asked for and returns them. Rejects with the counts when the test's time is up. */
  waitFor(predicate: (stats: EchoServerStats) => boolean): Promise<EchoServerStats>;
  /**
   * Sends every open connection another SETTINGS_MAX_CONCURRENT_STREAMS, which may be less than what is in use. Only
   * grpc-js.
   */
  changeLimit(maxConcurrentStreams: number): void;
  /** Stops the process (SIGSTOP): its sockets stay open, nothing is read, accepted or answered. */
  pause(): void;
  /** Lets a paused process go on (SIGCONT). */
  resume(): void;
  /** Ends the process at once (SIGKILL) and waits until it is gone: the system closes its connections. */
  kill(): Promise<void>;
}
