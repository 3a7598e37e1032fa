import { startProcess } from '../child-process.js';

/** How fast the server works. */
export interface PacedServerOptions {
  /** Calls a second that it answers, one after the other. */
  readonly callsPerSecond: number;
}

/** What the server is told. */
export interface PaceOrder {
  readonly callsPerSecond: number;
}

/** What the server tells, every {@link DEPTH_EVERY_MS}: how many calls it has accepted and not yet worked off. */
export interface DepthNews {
  /** Wall clock, the only one that two processes share. */
  readonly atMs: number;
  readonly depth: number;
}

/** Milliseconds between two {@link DepthNews}. */
export const DEPTH_EVERY_MS = 250;

/** A server in a process of its own, on a free port of 127.0.0.1, that does so many calls a second and no more. */
export interface PacedServer {
  readonly port: number;
  /** What it has told of its queue so far. */
  readonly depths: readonly DepthNews[];
  /** Makes it slower or faster from now on. */
  setPace(callsPerSecond: number): void;
  stop(): Promise<void>;
}

/** Starts a server and waits until it listens. */
export async function startPacedServer(options: PacedServerOptions): Promise<PacedServer> {
  const started = await startProcess(new URL('./paced-server.js', import.meta.url), options);
  const depths: DepthNews[] = [];
  started.child.on('message', (news: DepthNews) => depths.push(news));
  return {
    port: started.ready as number,
    depths,
    setPace: (callsPerSecond) => void started.child.send({ callsPerSecond } satisfies PaceOrder),
    stop: () => started.stop(),
  };
}
