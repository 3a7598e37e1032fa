import { systemClock, warn, type Clock } from '@grpc-manifold/core/internal';
import { openStreamOf, type OpenStream } from './open-stream.js';
import type { StreamRecord } from './stream-record.js';
import { isListed } from './stream-records.js';
import { alarmCollected } from './stream-watch.js';

/** At most one warning in so many milliseconds. */
const WARN_EVERY_MS = 60_000;

/**
 * Cancels and reports a stream when its wrapper is garbage-collected while nobody has released the watch.
 *
 * The record, `cancel` and everything else that lives as long as the stream (listeners, timers, signals) must not
 * lead to the wrapper: it would never be collected.
 *
 * @param cancel ends the RPC, and says why.
 * @returns what ends the watch, to be called at the status of the stream.
 */
export function watchForAbandonment(
  wrapper: object,
  record: StreamRecord,
  cancel = record.cancel,
): { readonly release: () => void } {
  const handle = { release: () => void wrappers.unregister(handle) };
  wrappers.register(wrapper, { record, cancel }, handle);
  return handle;
}

interface Abandoned {
  readonly record: StreamRecord;
  readonly cancel: () => void;
}

const wrappers = new FinalizationRegistry<Abandoned>(({ record, cancel }) => {
  if (!isListed(record)) return;
  // Told first: once it is cancelled it is no longer listed.
  const stream = openStreamOf(record);
  if (!alarmCollected(stream)) warnings.add(stream);
  try {
    cancel();
  } catch (error) {
    // An interceptor may throw at a cancel, and here nobody could catch it.
    warn(`Cancelling ${stream.method} threw: ${String(error)}`);
  }
});

/** Warns of collected streams where nobody watches: of the first at once, then of how many more in each minute. */
export class CollectedWarnings {
  #isQuiet = false;
  #more = 0;
  #last: OpenStream | undefined;

  constructor(private readonly clock: Clock) {}

  add(stream: OpenStream): void {
    if (this.#isQuiet) {
      this.#more += 1;
      this.#last = stream;
      return;
    }
    this.#beQuiet();
    warn(
      `A scoped stream was garbage-collected before it ended, and is cancelled now: ${describe(stream)}. ` +
        `Dispose streams (\`using\`, \`await using\`), read them to their end or cancel them; watchStreams() tells of each.`,
    );
  }

  #beQuiet(): void {
    this.#isQuiet = true;
    this.clock.setTimer(this.#sayHowMany, WARN_EVERY_MS);
  }

  readonly #sayHowMany = (): void => {
    this.#isQuiet = false;
    if (this.#more === 0 || this.#last === undefined) return;
    const message = `${this.#more} more scoped streams were garbage-collected before they ended, at last ${describe(this.#last)}.`;
    this.#more = 0;
    this.#last = undefined;
    this.#beQuiet();
    warn(message);
  };
}

const warnings = new CollectedWarnings(systemClock);

function describe({ method, kind, ageMs, openedAt }: OpenStream): string {
  const where = openedAt === undefined ? 'where is not known (captureStack: true captures it)' : `at ${openedAt}`;
  return `${method} (${kind}), open for ${Math.round(ageMs)} ms, opened ${where}`;
}
