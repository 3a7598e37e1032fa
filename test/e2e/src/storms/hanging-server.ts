import { Program } from '../lifecycle/program.js';
import type { HangingServerMessage, HangingServerOrder, SessionCounts } from './children/hanging-server-contract.js';
import { until } from '@grpc-manifold/testing';

/** Adds up a count over connections. */
export function sumOf(sessions: readonly SessionCounts[], count: 'hangingCalls' | 'clientResets'): number {
  return sessions.reduce((sum, session) => sum + session[count], 0);
}

/** A server in a process of its own that never answers a call that is to hang, and never heeds a deadline. */
export class HangingServer implements AsyncDisposable {
  readonly #program = new Program<HangingServerMessage>('storms/children/hanging-server', {});
  #port = 0;

  /** Starts it and waits until it listens. */
  static async start(): Promise<HangingServer> {
    const server = new HangingServer();
    server.#port = (await server.#program.hear('listening')).port;
    return server;
  }

  get target(): string {
    return `127.0.0.1:${this.#port}`;
  }

  order(order: HangingServerOrder): void {
    this.#program.tell(order);
  }

  /** What each connection has seen, oldest first. */
  async sessions(): Promise<readonly SessionCounts[]> {
    this.order({ kind: 'counts' });
    return (await this.#program.hear('counts')).sessions;
  }

  /** Waits until the counts are as asked for. */
  waitFor(predicate: (sessions: readonly SessionCounts[]) => boolean): Promise<readonly SessionCounts[]> {
    return until('the hanging server', () => this.sessions(), predicate);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
