/** Every wait of this process that is neither over nor given up. */
const open = new Set<OpenWait>();

/**
 * Is something that a test waits for. It has no time limit of its own: the limit of the test is the only one, and when
 * that has passed, {@link giveUpWaits} ends the wait with an error that says how things are.
 */
export class OpenWait implements Disposable {
  /** Set when the wait was given up. */
  error: Error | undefined;
  readonly #what: string;
  readonly #describe: () => string;
  readonly #onGiveUp: (error: Error) => void;

  /**
   * @param what whose state is waited for, as an error names it: 'the fault proxy'.
   * @param describe that state in words.
   * @param onGiveUp is told when the wait is given up. What looks again and again checks `error` instead.
   */
  constructor(what: string, describe: () => string, onGiveUp: (error: Error) => void = () => undefined) {
    this.#what = what;
    this.#describe = describe;
    this.#onGiveUp = onGiveUp;
    open.add(this);
  }

  /** Ends the wait with an error, which it returns. @param why what came in its way. */
  giveUp(why: string): Error {
    open.delete(this);
    this.error = new Error(`${this.#what} ${why}: ${this.#describe()}`);
    this.#onGiveUp(this.error);
    return this.error;
  }

  /** The wait is over. */
  [Symbol.dispose](): void {
    open.delete(this);
  }
}

/**
 * Ends every open wait of this process: the test that waits has no time left. Returns what was waited for, in words.
 */
export function giveUpWaits(): string[] {
  return [...open].map((wait) => wait.giveUp('did not come to it in the time of the test').message);
}
