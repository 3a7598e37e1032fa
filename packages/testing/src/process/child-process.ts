import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A child process that must not outlive this process. */
export interface OwnedChild {
  readonly child: ChildProcess;
  /** Settles when the process has exited, for any reason. */
  readonly exited: Promise<void>;
  /** Kills the process, even when it is stopped. */
  kill(): void;
}

/**
 * The running child processes, killed when this process exits: a stopped child cannot detect that. They share one
 * 'exit' listener, because Node warns of more than ten.
 */
const alive = new Set<ChildProcess>();
function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}

/**
 * Starts a file of `dist` in a child process with an IPC channel. It always runs the compiled file: Node 20 cannot run
 * TypeScript.
 *
 * @param entry file name without extension, such as 'servers/echo-server-process'.
 * @throws Error when the package has not been built.
 */
export function forkEntry(entry: string): OwnedChild {
  const path = fileURLToPath(new URL(`../../dist/${entry}.js`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: a process of its own runs the compiled code. Run \`npm run build\` first.`);
  }
  // No execArgv: the flags of a test runner's worker are not meant for this process.
  const child = fork(path, [], {
    execArgv: [],
    env: { GRPC_VERBOSITY: 'NONE', ...process.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return ownChild(child);
}

/** Kills a child process when this process exits, even when the child is stopped. */
export function ownChild(child: ChildProcess): OwnedChild {
  if (alive.size === 0) process.on('exit', killAll);
  alive.add(child);
  const exited = once(child, 'exit').then(() => {
    alive.delete(child);
    if (alive.size === 0) process.removeListener('exit', killAll);
  });
  // Errors are ignored: a failed start or signal also causes 'exit' or a missing answer, which are handled.
  child.on('error', () => {});
  return { child, exited, kill: () => void child.kill('SIGKILL') };
}
