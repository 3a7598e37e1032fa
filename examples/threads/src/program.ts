import { fork, type ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program of this example in a process of its own. It ends when it is disposed of, or the signal is given. */
export class Program implements Disposable {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #messages: AsyncIterator<unknown[]>;
  readonly #stop = (): void => {
    if (this.#process.connected) this.#process.disconnect();
  };

  /** @param name of its file, beside this one. */
  constructor(
    name: string,
    settings: unknown,
    private readonly signal: AbortSignal,
  ) {
    signal.throwIfAborted();
    this.#name = name;
    this.#process = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [JSON.stringify(settings)]);
    this.#messages = on(this.#process, 'message', { close: ['exit'] });
    signal.addEventListener('abort', this.#stop);
  }

  /** What it tells next. Rejects when it has ended. */
  async hear<Message>(): Promise<Message> {
    const { value, done } = await this.#messages.next();
    if (done === true) throw new Error(`${this.#name} has ended`);
    return (value as [Message])[0];
  }

  [Symbol.dispose](): void {
    this.signal.removeEventListener('abort', this.#stop);
    this.#stop();
  }
}
