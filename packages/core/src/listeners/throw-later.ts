/**
 * Throws an error in the next tick, where no code can catch it. An error that a callback of the user threw becomes an
 * `uncaughtException`, as with a plain grpc-js client, and the code that invoked the callback continues.
 */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
