import { OpenWait } from './open-wait.js';

interface Waiter {
  isMet(): boolean;
  settle(error?: Error): void;
  /** Ends the wait with an error. */
  giveUp(why: string): void;
}

/** Lets a test wait until a predicate is true. The owner calls `changed` after each change; nothing polls. */
export class Condition {
  readonly #waiters = new Set<Waiter>();
  readonly #what: string;
  readonly #describe: () => string;

  /**
   * @param what the owner's name in an error: 'the fault proxy'.
   * @param describe returns the owner's state as text, for the error of a wait that does not succeed.
   */
  constructor(what: string, describe: () => string) {
    this.#what = what;
    this.#describe = describe;
  }

  /** Evaluates the predicate of every wait. Does nothing when there are no waits. */
  changed(): void {
    for (const waiter of this.#waiters) {
      try {
        if (waiter.isMet()) waiter.settle();
      } catch (error) {
        waiter.settle(error as Error);
      }
    }
  }

  /**
   * Resolves when the predicate is true. Rejects with an error that contains the state when the time of the test is up.
   */
  async until(predicate: () => boolean): Promise<void> {
    if (predicate()) return;
    await new Promise<void>((resolve, reject) => {
      const settle: Waiter['settle'] = (error) => {
        wait[Symbol.dispose]();
        this.#waiters.delete(waiter);
        if (error === undefined) resolve();
        else reject(error);
      };
      const wait = new OpenWait(this.#what, this.#describe, settle);
      const waiter: Waiter = { isMet: predicate, settle, giveUp: (why) => wait.giveUp(why) };
      this.#waiters.add(waiter);
    });
  }

  /** Ends every pending wait with an error. */
  giveUp(): void {
    for (const waiter of this.#waiters) waiter.giveUp('was disposed while a test waited on it');
  }
}
