/** All waits of this process that have not ended. */
const open = new Set<OpenWait>();

/**
 * A pending wait of a test. It has no time limit of its own. When the time limit of the test has passed,
 * {@link giveUpWaits} ends the wait with an error that contains the current state.
 */
export class OpenWait implements Disposable {
  /** Set when the wait was ended with an error. */
  error: Error | undefined;
  readonly #what: string;
  readonly #describe: () => string;
  readonly #onGiveUp: (error: Error) => void;

  /**
   * @param what the name of the observed object in an error: 'the fault proxy'.
   * @param describe returns the state of the object as text.
   * @param onGiveUp called when the wait is ended with an error. Code that polls checks `error` instead.
   */
  constructor(what: string, describe: () => string, onGiveUp: (error: Error) => void = () => undefined) {
    this.#what = what;
    this.#describe = describe;
    this.#onGiveUp = onGiveUp;
    open.add(this);
  }

  /**
   * Ends the wait with an error and returns the error. @param why the reason, as it follows the name in the message.
   */
  giveUp(why: string): Error {
    open.delete(this);
    this.error = new Error(`${this.#what} ${why}: ${this.#describe()}`);
    this.#onGiveUp(this.error);
    return this.error;
  }

  /** Ends the wait successfully. */
  [Symbol.dispose](): void {
    open.delete(this);
  }
}

/**
 * Ends every open wait of this process with an error, when the time of the test is up. Returns the error messages.
 */
export function giveUpWaits(): string[] {
  return [...open].map((wait) => wait.giveUp('did not come to it in the time of the test').message);
}
