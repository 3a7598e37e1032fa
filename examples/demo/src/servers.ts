import { once } from 'node:events';
import type { Family } from './family.js';

/** How a server of the demo behaves. */
export interface ServerOptions {
  /** Milliseconds from a call's arrival to its answer. Default 0. */
  readonly answerAfterMs?: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS of each connection. Unset: the server names no limit. */
  readonly maxConcurrentStreams?: number;
}

/** A server that runs in its own process. */
export interface Server extends AsyncDisposable {
  /** What a client connects to, as '127.0.0.1:50051'. */
  readonly target: string;
  readonly pid: number;
  /** Rejects when the server ends although nobody disposed of it; else it stays pending. */
  readonly died: Promise<never>;
}

/** Milliseconds that a server has to start. */
const START_TIMEOUT_MS = 15_000;

/** Starts an Orders server in a process of its own. Rejects with what it complained of when it does not start. */
export async function startServer(family: Family, options: ServerOptions): Promise<Server> {
  const { child, complaint } = family.start(new URL('./orders-server.js', import.meta.url), [
    `--answer-after-ms=${options.answerAfterMs ?? 0}`,
    `--max-concurrent-streams=${options.maxConcurrentStreams ?? 0}`,
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (what: string): void => {
      reject(new Error(`The demo's server ${what}${complaint() === '' ? '' : `:\n${complaint()}`}`));
    };
    const timer = setTimeout(() => fail(`did not start within ${START_TIMEOUT_MS / 1_000} s`), START_TIMEOUT_MS);
    child.once('message', (message: { port: number }) => {
      clearTimeout(timer);
      resolve(message.port);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      fail(`ended before it was ready (${signal ?? `exit code ${code}`})`);
    });
  });
  let disposed = false;
  const died = new Promise<never>((_, reject) => {
    child.once('close', (code, signal) => {
      if (!disposed) {
        reject(new Error(`The demo's server ended (${signal ?? `exit code ${code}`})\n${complaint()}`.trim()));
      }
    });
  });
  // Who cares races with it; unwatched it must not end the process.
  died.catch(() => undefined);
  return {
    target: `127.0.0.1:${port}`,
    pid: child.pid as number,
    died,
    async [Symbol.asyncDispose]() {
      disposed = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
