/**
 * Throws what a caller's callback has thrown where nobody can catch it: it becomes an `uncaughtException`, as it does
 * with a plain grpc-js client, and the code that called back goes on.
 */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
