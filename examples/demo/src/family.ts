import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * Ties a child process to the one that started it: it ends when its parent does, however that came, and leaves Ctrl-C,
 * which a terminal sends to both, to the parent.
 */
export function liveWithParent(): void {
  process.on('disconnect', () => process.exit(1));
  process.on('SIGINT', () => undefined);
}

/** A child with what it wrote to stderr, for the message when it fails. */
export interface Relative {
  readonly child: ChildProcess;
  /** The last lines that it wrote to stderr. */
  complaint(): string;
}

/** The child processes of the demo: none outlives it. */
export class Family {
  readonly #children = new Set<ChildProcess>();

  constructor() {
    process.on('exit', () => this.#killAll());
  }

  /** Starts `module` as a child with a message channel. */
  start(module: URL, args: readonly string[]): Relative {
    const child = fork(module, args, {
      // A proxy set for the outside world has no part in calls to this machine.
      env: { ...process.env, no_grpc_proxy: '127.0.0.1' },
      // The flags of this process are not theirs: two cannot share one inspector port.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    // A child that dies while it is being written to is reported by its exit.
    child.on('error', () => undefined);
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2_000);
    });
    return { child, complaint: () => stderr.trim() };
  }

  /** Ends all of them, also those that are stopped, and waits until they are gone. */
  async end(): Promise<void> {
    const gone = [...this.#children].map((child) => once(child, 'exit'));
    this.#killAll();
    await Promise.all(gone);
  }

  /** SIGKILL: a stopped process takes no other signal. */
  #killAll(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
