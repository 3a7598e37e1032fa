import { Worker } from 'node:worker_threads';
import { systemClock, type Timer } from '@grpc-manifold/core/internal';
import type { ResolvedThreadChannelFactoryOptions } from '../options.js';
import { processDefaults } from '../crossing/process-defaults.js';
import { ChannelThread } from './channel-thread.js';

/** Milliseconds for which a thread without connections is kept: starting one takes some 100. */
const LINGER_MS = 10_000;
/** Milliseconds after which another thread is tried in the place of one that could not be started. */
const RETRY_START_MS = 1_000;

interface Place {
  thread: ChannelThread | undefined;
  timer: Timer | undefined;
}

/**
 * The threads of one factory: started when a connection needs one, replaced when they end, stopped when nobody needs
 * them.
 */
export class ChannelThreads implements AsyncDisposable {
  readonly #places: readonly Place[];
  /** Threads that nobody needs any more, on their way out. */
  readonly #stopping = new Set<Promise<void>>();
  #isDisposed = false;

  constructor(private readonly options: ResolvedThreadChannelFactoryOptions) {
    this.#places = Array.from({ length: options.threads }, () => ({ thread: undefined, timer: undefined }));
  }

  /** The thread for another connection: that with the fewest. It has ended where none can be started. */
  next(): ChannelThread {
    const place = this.#places.reduce((best, each) => (sizeOf(each) < sizeOf(best) ? each : best));
    const thread = (place.thread ??= this.#start(place));
    // One whose Worker could not even be made: nobody else tells of it.
    if (thread.end?.neverStarted === true && place.timer === undefined && !this.#isDisposed) {
      this.#later(place, RETRY_START_MS);
    }
    return thread;
  }

  /** Stops them all; the calls in them end with UNAVAILABLE. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([
      ...this.#stopping,
      ...this.#places.map(async (place) => {
        this.#forget(place);
        await place.thread?.stop();
      }),
    ]);
  }

  #start(place: Place): ChannelThread {
    const name = `grpc-manifold ${this.#places.indexOf(place) + 1}`;
    return new ChannelThread(
      () => {
        if (this.#isDisposed) throw new Error('its threads were disposed of');
        const { workerUrl, resourceLimits } = this.options;
        return new Worker(workerUrl, { name, resourceLimits, workerData: processDefaults(), ...execArgv() });
      },
      (thread) => this.#changed(place, thread),
    );
  }

  #changed(place: Place, thread: ChannelThread): void {
    if (place.thread !== undefined && place.thread !== thread) return;
    this.#forget(place);
    if (this.#isDisposed) return;
    if (thread.end?.neverStarted === true) this.#later(place, RETRY_START_MS);
    else if (thread.end !== undefined) place.thread = undefined;
    else if (thread.isIdle) this.#later(place, LINGER_MS);
  }

  /** Empties a place after a while, unless something happens to it before. */
  #later(place: Place, delayMs: number): void {
    place.timer = systemClock.setTimer(() => {
      const { thread } = place;
      place.thread = place.timer = undefined;
      if (thread === undefined) return;
      const stopped = thread.stop().finally(() => this.#stopping.delete(stopped));
      this.#stopping.add(stopped);
    }, delayMs);
  }

  #forget(place: Place): void {
    if (place.timer !== undefined) systemClock.clearTimer(place.timer);
    place.timer = undefined;
  }
}

/**
 * A worker takes over how this process was started, and Node refuses one that would read its program from where
 * `--input-type` says: there it gets nothing of it, as a list of the rest would be refused for any flag of V8's in it.
 */
function execArgv(): { execArgv?: string[] } {
  return process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {};
}

/** One that has ended, and whose place is not free yet, takes nothing that another can. */
function sizeOf({ thread }: Place): number {
  return thread?.end === undefined ? (thread?.connectionCount ?? 0) : Infinity;
}
