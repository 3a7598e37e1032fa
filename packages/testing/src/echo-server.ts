import { setTimeout as delay } from 'node:timers/promises';
import type { ServerOptions } from '@grpc/grpc-js';
import { forkEntry, type ForkedEntry } from './child-process.js';
import type { EchoServerMessage, EchoServerReply, EchoServerSettings } from './echo-server-message.js';
import type { EchoServerStats } from './echo-stats.js';

/** Pause between two looks at the counts; only a wait for a condition is that slow, no call is. */
const POLL_INTERVAL_MS = 5;
/** A server that has not answered by then never will. */
const START_TIMEOUT_MS = 10_000;

/** Shapes an echo server. */
export interface EchoServerOptions {
  /** SETTINGS_MAX_CONCURRENT_STREAMS of every connection. Default: grpc-js's own, no limit. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds before any answer, unless the request sets its own. Default 0. */
  readonly delayMs?: number;
  /** PEM texts; without them the server speaks plain text. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Address to listen on. Default '127.0.0.1'. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free one. */
  readonly port?: number;
  /** More options of the grpc-js server. */
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
  /**
   * Waits until the counts are as asked for and returns them. Default timeout 10,000 ms; when that passes it rejects
   * with the counts as they were.
   */
  waitFor(predicate: (stats: EchoServerStats) => boolean, timeoutMs?: number): Promise<EchoServerStats>;
  /** Stops the process (SIGSTOP): its sockets stay open, nothing is read, accepted or answered. */
  pause(): void;
  /** Lets a paused process go on (SIGCONT). */
  resume(): void;
  /** Ends the process at once (SIGKILL) and waits until it is gone: the system closes its connections. */
  kill(): Promise<void>;
}

/**
 * Starts an echo server in its own process and waits until it listens. Dispose it, also when it was killed.
 *
 * @throws Error when the package has not been built, or the server cannot listen.
 */
export async function startEchoServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const settings: EchoServerSettings = {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    delayMs: options.delayMs ?? 0,
    serverOptions: options.serverOptions ?? {},
    ...(options.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: options.maxConcurrentStreams }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  };
  const forked = forkEntry('echo-server-process');
  try {
    return new ForkedEchoServer(forked, settings.host, await listen(forked, settings));
  } catch (error) {
    forked.kill();
    await forked.exited;
    throw error;
  }
}

function listen(forked: ForkedEntry, settings: EchoServerSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the echo server did not start in time')), START_TIMEOUT_MS);
    forked.child.once('message', (reply: EchoServerReply) => {
      clearTimeout(timer);
      if (reply.kind === 'listening') resolve(reply.port);
      else reject(new Error(`the echo server cannot listen: ${reply.kind === 'failed' ? reply.reason : reply.kind}`));
    });
    void forked.exited.then(() => {
      clearTimeout(timer);
      reject(new Error('the echo server ended before it listened'));
    });
    forked.child.send({ kind: 'start', settings } satisfies EchoServerMessage);
  });
}

interface Asker {
  resolve(stats: EchoServerStats): void;
  reject(error: Error): void;
}

class ForkedEchoServer implements EchoServer {
  readonly #forked: ForkedEntry;
  readonly #askers = new Map<number, Asker>();
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  isPaused = false;
  #isGone = false;
  #lastId = 0;

  constructor(forked: ForkedEntry, host: string, port: number) {
    this.#forked = forked;
    this.host = host;
    this.port = port;
    this.pid = forked.child.pid as number;
    forked.child.on('message', (reply: EchoServerReply) => {
      if (reply.kind !== 'stats') return;
      this.#askers.get(reply.id)?.resolve(reply.stats);
      this.#askers.delete(reply.id);
    });
    void forked.exited.then(() => {
      this.#isGone = true;
      for (const asker of this.#askers.values()) asker.reject(new Error('the echo server is gone'));
      this.#askers.clear();
    });
  }

  get target(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  stats(): Promise<EchoServerStats> {
    if (this.#isGone || !this.#forked.child.connected) return Promise.reject(new Error('the echo server is gone'));
    if (this.isPaused) return Promise.reject(new Error('the echo server is paused and cannot say its counts'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#askers.set(id, { resolve, reject });
      this.#forked.child.send({ kind: 'stats', id } satisfies EchoServerMessage);
    });
  }

  async waitFor(predicate: (stats: EchoServerStats) => boolean, timeoutMs = 10_000): Promise<EchoServerStats> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const stats = await this.stats();
      if (predicate(stats)) return stats;
      if (performance.now() >= endMs) {
        throw new Error(`the echo server did not come to it in ${timeoutMs} ms: ${JSON.stringify(stats)}`);
      }
      await delay(POLL_INTERVAL_MS);
    }
  }

  pause(): void {
    this.isPaused = this.#forked.child.kill('SIGSTOP');
  }

  resume(): void {
    this.#forked.child.kill('SIGCONT');
    this.isPaused = false;
  }

  async kill(): Promise<void> {
    this.#forked.kill();
    await this.#forked.exited;
  }

  /** Nothing in it is worth an orderly end, and SIGKILL reaches a stopped process too. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
