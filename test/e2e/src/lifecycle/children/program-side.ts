/** What every program of these tests does at its own side of the IPC channel. */

/** Reads the options that the test handed over. */
export function programOptions<Options>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

/** Tells the test something. Does not hold the process. */
export function say<Message extends { readonly kind: string }>(message: Message): void {
  process.send?.(message);
}

/** Waits for a word of the test. Holds the process until it comes, and no longer. */
export function told(kind: string): Promise<void> {
  return new Promise((resolve) => {
    const listen = (message: { readonly kind: string }): void => {
      if (message.kind !== kind) return;
      process.removeListener('message', listen);
      resolve();
    };
    process.on('message', listen);
  });
}

/**
 * Worker threads that the connections of this process are to live in: MANIFOLD_THREADS, as for the tests themselves.
 */
export const threads = Number(process.env['MANIFOLD_THREADS'] ?? 0);
