import { OpenWait } from './open-wait.js';
import { timePasses } from './real-time.js';

/** Milliseconds between two looks. */
const LOOK_EVERY_MS = 5;

/**
 * Looks again and again until what is seen is as it is to be, and returns that. For what tells nobody when it changes;
 * whatever has an event or a `waitFor` is waited for by that. Rejects with what was seen last when the test's time is
 * up.
 *
 * @param what whose state is waited for, as an error names it: 'the echo server'.
 * @param look tells that state. What it throws ends the wait.
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
    await timePasses(LOOK_EVERY_MS, 'things change');
  }
}

/**
 * Waits until an assertion holds, and returns what it returns; as {@link until} for what an `expect` says best.
 *
 * @param assertion throws or rejects while things are not as they are to be.
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
