/** Gives up a wait in vain: a fault that is not noticed must fail its test and not the whole run. */
const PATIENCE_MS = 10_000;

/** Lets somebody wait until something is so; whoever owns it says when to look. */
export class Signal {
  readonly #looks = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Rejects after 10 s. @param state tells in words how things are then. */
  async until(isSo: () => boolean, state: () => string = () => String(isSo)): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#looks.delete(look);
        reject(new Error(`it does not come to it: ${state()}`));
      }, PATIENCE_MS);
      const look = (): void => {
        if (!isSo()) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
    });
  }
}
