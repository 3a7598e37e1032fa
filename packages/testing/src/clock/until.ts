import { OpenWait } from './open-wait.js';
import { timePasses } from './real-time.js';

/** Milliseconds between two polls. */
const POLL_INTERVAL_MS = 5;

/**
 * Polls a state until it is as expected, and returns it. Use it only for state that has neither an event nor a
 * `waitFor`. Rejects with the last state when the time of the test is up.
 *
 * @param what the name of the observed object in an error: 'the echo server'.
 * @param look returns the state. An error that it throws ends the wait.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  isSo: (seen: T) => boolean = Boolean,
): Promise<T> {
  let seen: T | undefined;
  using wait = new OpenWait(what, () => JSON.stringify(seen));
  for (;;) {
    seen = await look();
    if (isSo(seen)) return seen;
    if (wait.error !== undefined) throw wait.error;
    await timePasses(POLL_INTERVAL_MS, 'things change');
  }
}

/**
 * Polls an assertion until it passes, and returns its result. It is {@link until} for conditions that are best written
 * with `expect`.
 *
 * @param assertion throws or rejects while the condition is not met.
 */
export async function eventually<T>(assertion: () => T | Promise<T>): Promise<T> {
  const held = await until(
    'an assertion',
    async () => {
      try {
        return { isSo: true as const, value: await assertion() };
      } catch (error) {
        return { isSo: false as const, error: String(error) };
      }
    },
    ({ isSo }) => isSo,
  );
  return (held as { value: T }).value;
}
