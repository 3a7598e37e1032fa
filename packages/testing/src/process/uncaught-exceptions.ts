/** Collects uncaught exceptions instead of the test runner until it is disposed. */
export class UncaughtExceptions implements Disposable {
  /** The uncaught exceptions, in order. */
  readonly thrown: unknown[] = [];
  readonly #waiting = new Set<() => void>();

  constructor() {
    process.setUncaughtExceptionCaptureCallback((error) => {
      this.thrown.push(error);
      for (const look of this.#waiting) look();
    });
  }

  /** Resolves when there were `count` exceptions. */
  async until(count: number): Promise<void> {
    while (this.thrown.length < count) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  [Symbol.dispose](): void {
    process.setUncaughtExceptionCaptureCallback(null);
  }
}
