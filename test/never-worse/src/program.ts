import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Seen } from './seen.js';
import type { WayName } from './way.js';

/** What a program is given: the client to make, and what else it needs. */
export interface ProgramOptions {
  readonly way: WayName;
  readonly target: string;
}

/** A program of `src/children` in a process of its own, for what may end a process. Disposing it ends it. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #said: Promise<Seen>;
  #hasBegun!: () => void;
  readonly #begun = new Promise<void>((resolve) => (this.#hasBegun = resolve));

  /** Starts `dist/children/{name}.js`: Node 20 does not run TypeScript. @throws Error when it has not been built. */
  constructor(name: string, options: ProgramOptions) {
    const file = fileURLToPath(new URL(`../dist/children/${name}.js`, import.meta.url));
    if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build\` first`);
    // No execArgv of ours: flags of a test runner's worker are not for this process.
    this.child = fork(file, [JSON.stringify(options)], {
      execArgv: [],
      env: { ...process.env, GRPC_VERBOSITY: 'NONE' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#exited = once(this.child, 'exit');
    this.#said = new Promise((resolve) => {
      this.child.on('message', (message: Seen | 'begun') =>
        message === 'begun' ? this.#hasBegun() : resolve(message),
      );
    });
  }

  /** Waits until the program has done what comes before {@link goOn}. */
  begun(): Promise<void> {
    return this.#begun;
  }

  /** Lets the program go on. */
  goOn(): void {
    this.child.send('go on');
  }

  /** What the program has seen, and whether its process has ended in order, or died before it could say anything. */
  async seen(): Promise<Seen> {
    const died = this.#exited.then(() => (this.child.exitCode === 0 ? 'OK' : 'dies'));
    const seen = await Promise.race([this.#said, died.then(() => undefined)]);
    return { ...seen, 'the process': await died };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.#exited;
  }
}
