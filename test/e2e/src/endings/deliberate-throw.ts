import { expect } from 'vitest';

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Lets the caller's code throw where nobody can catch it, and waits until the process has been told: of exactly that
 * error, once, and of no other.
 *
 * @param begin begins a call that throws `boom()` in one of its callbacks.
 */
export async function deliberateThrow<Call extends { readonly outcome: Promise<unknown> }>(
  begin: (boom: () => void) => Call | Promise<Call>,
): Promise<Call> {
  const deliberate = new Error('deliberate');
  const seen: unknown[] = [];
  let isSeen = (): void => undefined;
  const thrown = new Promise<void>((resolve) => (isSeen = resolve));
  const onError = (error: unknown): void => {
    seen.push(error);
    isSeen();
  };
  // The test runner listens as well, and would take it for a failure.
  const others = EVENTS.map((event) => ({ event, listeners: process.listeners(event as 'uncaughtException') }));
  for (const { event } of others) {
    process.removeAllListeners(event);
    process.on(event, onError);
  }
  try {
    const call = await begin(() => {
      throw deliberate;
    });
    await thrown;
    await call.outcome;
    // What would be thrown besides is thrown by now.
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(seen).toEqual([deliberate]);
    return call;
  } finally {
    for (const { event, listeners } of others) {
      process.removeListener(event, onError);
      for (const listener of listeners) process.on(event, listener);
    }
  }
}
