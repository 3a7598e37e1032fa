import type { EchoServerSettings } from '../servers/echo-server-message.js';
import type { EchoServer } from '../servers/echo-server.js';
import type { EchoServerStats } from '../servers/echo-stats.js';
import { until } from '../clock/until.js';
import type { ServerProcess } from './server-process.js';

/** Makes a server process listen. Kills the process when it cannot. */
export async function listen(process: ServerProcess, settings: EchoServerSettings): Promise<EchoServer> {
  try {
    return new RemoteEchoServer(process, settings.host, await portOf(process, settings));
  } catch (error) {
    process.kill();
    await process.exited;
    throw error;
  }
}

function portOf(process: ServerProcess, settings: EchoServerSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    process.onReply((reply) => {
      if (reply.kind === 'listening') resolve(reply.port);
      else if (reply.kind === 'failed') reject(new Error(`the echo server cannot listen: ${reply.reason}`));
    });
    void process.exited.then(() => reject(new Error('the echo server ended before it listened')));
    process.send({ kind: 'start', settings });
  });
}

interface Asker {
  resolve(stats: EchoServerStats): void;
  reject(error: Error): void;
}

class RemoteEchoServer implements EchoServer {
  readonly #process: ServerProcess;
  readonly #askers = new Map<number, Asker>();
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  isPaused = false;
  #isGone = false;
  #lastId = 0;

  constructor(process: ServerProcess, host: string, port: number) {
    this.#process = process;
    this.host = host;
    this.port = port;
    this.pid = process.pid;
    process.onReply((reply) => {
      if (reply.kind !== 'stats') return;
      this.#askers.get(reply.id)?.resolve(reply.stats);
      this.#askers.delete(reply.id);
    });
    void process.exited.then(() => {
      this.#isGone = true;
      for (const asker of this.#askers.values()) asker.reject(new Error('the echo server is gone'));
      this.#askers.clear();
    });
  }

  get target(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  stats(): Promise<EchoServerStats> {
    if (this.#isGone || !this.#process.isConnected) return Promise.reject(new Error('the echo server is gone'));
    if (this.isPaused) return Promise.reject(new Error('the echo server is paused and cannot say its counts'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#askers.set(id, { resolve, reject });
      this.#process.send({ kind: 'stats', id });
    });
  }

  waitFor(predicate: (stats: EchoServerStats) => boolean): Promise<EchoServerStats> {
    return until('the echo server', () => this.stats(), predicate);
  }

  changeLimit(maxConcurrentStreams: number): void {
    if (this.#process.takesLimit !== true) throw new Error('this peer takes no limit of streams while it runs');
    this.#process.send({ kind: 'limit', maxConcurrentStreams });
  }

  pause(): void {
    this.isPaused = this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#process.signal('SIGCONT');
    this.isPaused = false;
  }

  async kill(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  /** Kills the process. It has no state that needs an orderly shutdown, and SIGKILL also ends a stopped process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
