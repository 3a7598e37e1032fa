import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A child process that must not outlive us. */
export interface OwnedChild {
  readonly child: ChildProcess;
  /** Settles when the process is gone, however it went. */
  readonly exited: Promise<void>;
  /** Ends the process at once, also a stopped one. */
  kill(): void;
}

/** A stopped process would not notice that we are gone. One listener for all: Node warns of the eleventh. */
const alive = new Set<ChildProcess>();
function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}

/**
 * Starts an entry of `dist` in its own process; it talks over IPC. It runs the compiled file even when we run from the
 * sources: Node 20 cannot run TypeScript.
 *
 * @param entry file name without extension, as 'servers/echo-server-process'.
 * @throws Error when the package has not been built.
 */
export function forkEntry(entry: string): OwnedChild {
  const path = fileURLToPath(new URL(`../../dist/${entry}.js`, import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: a process of its own runs the compiled code. Run \`npm run build\` first.`);
  }
  // No execArgv: flags of a test runner's worker are not for this process.
  const child = fork(path, [], {
    execArgv: [],
    env: { GRPC_VERBOSITY: 'NONE', ...process.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return ownChild(child);
}

/** Sees to it that a child process is ended when this one exits, also a stopped one. */
export function ownChild(child: ChildProcess): OwnedChild {
  if (alive.size === 0) process.on('exit', killAll);
  alive.add(child);
  const exited = once(child, 'exit').then(() => {
    alive.delete(child);
    if (alive.size === 0) process.removeListener('exit', killAll);
  });
  // Failing to start or to take a signal ends in 'exit' or in a missing answer; both are noticed there.
  child.on('error', () => {});
  return { child, exited, kill: () => void child.kill('SIGKILL') };
}
