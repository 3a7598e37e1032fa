import { startProcess } from '../child-process.js';

/** How the server behaves. */
export interface UnaryServerOptions {
  /** SETTINGS_MAX_CONCURRENT_STREAMS. Default: none, unlimited. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds from the end of a request to its response. Default 0. */
  readonly delayMs?: number;
  /** Bytes of each response message. Default 100. */
  readonly responseBytes?: number;
}

/** A server in a process of its own, on a free port of 127.0.0.1. */
export interface UnaryServer {
  readonly port: number;
  /** Stops the whole process (SIGSTOP): it reads nothing more, and the kernel keeps its connections open. */
  pause(): void;
  /** Lets it go on (SIGCONT). */
  resume(): void;
  stop(): Promise<void>;
}

/** Starts a server and waits until it listens. */
export async function startUnaryServer(options: UnaryServerOptions): Promise<UnaryServer> {
  const started = await startProcess(new URL('./unary-server.js', import.meta.url), options);
  return {
    port: started.ready as number,
    pause: () => void started.child.kill('SIGSTOP'),
    resume: () => void started.child.kill('SIGCONT'),
    stop: () => started.stop(),
  };
}
