import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a program says, by IPC: each message names its kind. */
export interface Said {
  readonly kind: string;
}

/** A compiled program of this workspace in a process of its own. Disposing it ends the process. */
export class Program<Message extends Said> implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #exited: Promise<{ code: number | null; atMs: number }>;
  readonly #said: Message[] = [];
  readonly #waiting = new Set<() => void>();
  #output = '';

  /**
   * Starts `dist/{path}.js`: Node 20 runs neither TypeScript nor `await using`.
   *
   * @param options handed over as JSON in `process.argv[2]`.
   * @throws Error when the workspace has not been built.
   */
  constructor(path: string, options: object, flags: readonly string[] = []) {
    const file = fileURLToPath(new URL(`../../dist/${path}.js`, import.meta.url));
    if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build\` first`);
    // No execArgv of ours: flags of a test runner's worker are not for this process.
    this.child = fork(file, [JSON.stringify(options)], {
      execArgv: [...flags],
      env: { ...process.env, GRPC_VERBOSITY: 'NONE' },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.child.on('message', (message: Message) => {
      this.#said.push(message);
      for (const look of this.#waiting) look();
    });
    this.#exited = new Promise((resolve) => {
      this.child.once('exit', (code) => {
        resolve({ code, atMs: Date.now() });
        for (const look of this.#waiting) look();
      });
    });
  }

  /** True once the process is gone. */
  get isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until a message of a kind has come, and takes it. Rejects when the process ends without it. */
  async hear<Kind extends Message['kind']>(kind: Kind): Promise<Extract<Message, { kind: Kind }>> {
    for (;;) {
      const at = this.#said.findIndex((message) => message.kind === kind);
      if (at >= 0) return this.#said.splice(at, 1)[0] as Extract<Message, { kind: Kind }>;
      if (this.isGone) throw new Error(`The program ended (${this.child.exitCode}) before it said '${kind}'`);
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  /** Tells the program something. */
  tell(message: Said & Record<string, unknown>): void {
    this.child.send(message);
  }

  /** Waits until it has ended by itself. `atMs` is the wall clock, the only one that two processes share. */
  async ended(): Promise<{ code: number | null; atMs: number; output: string }> {
    const { code, atMs } = await this.#exited;
    const { stdout } = this.child;
    if (stdout !== null && !stdout.readableEnded && !stdout.destroyed) await once(stdout, 'close');
    return { code, atMs, output: this.#output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isGone) this.child.kill('SIGKILL');
    await this.#exited;
  }
}
