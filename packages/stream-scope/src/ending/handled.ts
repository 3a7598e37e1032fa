/** Marks a promise as handled: one that nobody awaits must not end the process when it rejects. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** A rejection that nobody needs to look at. */
export function rejected(reason: unknown): Promise<never> {
  return handled(rejectWith(reason));
}

async function rejectWith(reason: unknown): Promise<never> {
  throw reason;
}

/** A listener of 'error' that keeps Node from taking the event for unhandled; and what `handled` needs. */
export function ignore(): void {}
