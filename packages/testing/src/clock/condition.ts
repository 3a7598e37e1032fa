import { OpenWait } from './open-wait.js';

interface Waiter {
  isMet(): boolean;
  settle(error?: Error): void;
  /** Ends it with an error. */
  giveUp(why: string): void;
}

/** Lets a test wait until something is so. Looked at whenever the owner says that it changed; nothing polls. */
export class Condition {
  readonly #waiters = new Set<Waiter>();
  readonly #what: string;
  readonly #describe: () => string;

  /**
   * @param what the owner, as an error is to call it: 'the fault proxy'.
   * @param describe the owner's state in words, for the error of a wait that was in vain.
   */
  constructor(what: string, describe: () => string) {
    this.#what = what;
    this.#describe = describe;
  }

  /** Looks at every wait anew. Costs nothing when nobody waits. */
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
   * Settles when the predicate holds, at once when it does already. Rejects with the state when the test's time is up.
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

  /** Ends every wait that is still in vain. */
  giveUp(): void {
    for (const waiter of this.#waiters) waiter.giveUp('was disposed while a test waited on it');
  }
}
