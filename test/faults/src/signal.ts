import { OpenWait } from '@grpc-manifold/testing';

/** Lets somebody wait until something is so; whoever owns it says when to look. */
export class Signal {
  readonly #looks = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Rejects when the test's time is up. @param state tells in words how things are then. */
  async until(isSo: () => boolean, state: () => string = () => String(isSo)): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void): void => {
        wait[Symbol.dispose]();
        this.#looks.delete(look);
        settle();
      };
      const wait = new OpenWait('a scene', state, (error) => end(() => reject(error)));
      const look = (): void => {
        if (isSo()) end(resolve);
      };
      this.#looks.add(look);
    });
  }
}
