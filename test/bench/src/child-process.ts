import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const children = new Set<ChildProcess>();

// SIGKILL also ends one that is stopped; nothing gentler does.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** A process of the bench, ended at the latest when the bench ends. */
export interface StartedProcess {
  readonly child: ChildProcess;
  /** Its first message: it is ready then. */
  readonly ready: unknown;
  stop(): Promise<void>;
}

/**
 * Starts a module in a process of its own and waits for its first message.
 *
 * @param options handed over as JSON in `process.argv[2]`.
 * @throws Error when the process ends before that.
 */
export async function startProcess(module: URL, options: object): Promise<StartedProcess> {
  const child = fork(module, [JSON.stringify(options)], { execArgv: [] });
  children.add(child);
  const exited = once(child, 'exit');
  void exited.then(() => children.delete(child));
  const ready = await Promise.race([
    once(child, 'message').then(([message]: unknown[]) => message),
    exited.then(([code]: unknown[]) => Promise.reject(new Error(`${module.pathname} ended with ${String(code)}`))),
  ]);
  return {
    child,
    ready,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Reads the options that {@link startProcess} handed over. */
export function processOptions<Options>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

/** Lets a process of the bench live as long as the bench: Ctrl-C reaches all, and only the bench itself acts on it. */
export function endWithTheBench(): void {
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
}
