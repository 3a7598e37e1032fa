import { handled } from './handled.js';

type WriteCallback = (error?: Error | null) => void;

/** Writes that have not been acknowledged. grpc-js forgets the callbacks of a call that was cancelled. */
export class PendingWrites {
  readonly #rejects = new Set<(error: unknown) => void>();

  /** @param describe says to the writer what an error of the stream means. */
  constructor(private readonly describe: (error: Error) => Error) {}

  /** Starts a write, and waits for its callback or for `failAll`. */
  add(write: (callback: WriteCallback) => void): Promise<void> {
    return handled(
      new Promise<void>((resolve, reject) => {
        const settle: WriteCallback = (error) => {
          if (!this.#rejects.delete(reject)) return;
          if (error === undefined || error === null) resolve();
          else reject(this.describe(error));
        };
        this.#rejects.add(reject);
        try {
          write(settle);
        } catch (error) {
          settle(error as Error);
        }
      }),
    );
  }

  /** Nothing more will come of them. */
  failAll(error: unknown): void {
    const rejects = [...this.#rejects];
    this.#rejects.clear();
    for (const reject of rejects) reject(error);
  }
}
