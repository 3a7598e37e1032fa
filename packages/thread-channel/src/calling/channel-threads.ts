import { Worker } from 'node:worker_threads';
import { systemClock, type Timer } from '@grpc-manifold/core/internal';
import type { ResolvedThreadChannelFactoryOptions } from '../options.js';
import { processDefaults } from '../crossing/process-defaults.js';
import { ChannelThread } from './channel-thread.js';

/** Milliseconds for which an idle thread is kept. Starting a thread takes about 100 ms. */
const LINGER_MS = 10_000;
/** Milliseconds after a failed start until the slot starts another thread. */
const RETRY_START_MS = 1_000;

/** Holds at most one thread of the factory. */
interface Slot {
  thread: ChannelThread | undefined;
  timer: Timer | undefined;
}

/**
 * The threads of one factory. A thread is started when a connection needs it, reslotd when it ends, and stopped when it
 * has been idle for a while.
 */
export class ChannelThreads implements AsyncDisposable {
  readonly #slots: readonly Slot[];
  /** Idle threads that are being stopped. */
  readonly #stopping = new Set<Promise<void>>();
  #isDisposed = false;

  constructor(private readonly options: ResolvedThreadChannelFactoryOptions) {
    this.#slots = Array.from({ length: options.threads }, () => ({ thread: undefined, timer: undefined }));
  }

  /** Returns the thread with the fewest connections. When no thread can be started, the thread has ended already. */
  next(): ChannelThread {
    const slot = this.#slots.reduce((best, each) => (loadOf(each) < loadOf(best) ? each : best));
    const thread = (slot.thread ??= this.#start(slot));
    // When `new Worker` throws, `onChange` is not called, so the retry is scheduled here.
    if (thread.end?.neverStarted === true && slot.timer === undefined && !this.#isDisposed) {
      this.#emptyLater(slot, RETRY_START_MS);
    }
    return thread;
  }

  /** Stops all threads. Their calls end with UNAVAILABLE. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([
      ...this.#stopping,
      ...this.#slots.map(async (slot) => {
        this.#clearTimer(slot);
        await slot.thread?.stop();
      }),
    ]);
  }

  #start(slot: Slot): ChannelThread {
    const name = `grpc-manifold ${this.#slots.indexOf(slot) + 1}`;
    return new ChannelThread(
      () => {
        if (this.#isDisposed) throw new Error('its threads were disposed of');
        const { workerUrl, resourceLimits } = this.options;
        return new Worker(workerUrl, { name, resourceLimits, workerData: processDefaults(), ...execArgv() });
      },
      (thread) => this.#changed(slot, thread),
    );
  }

  #changed(slot: Slot, thread: ChannelThread): void {
    if (slot.thread !== undefined && slot.thread !== thread) return;
    this.#clearTimer(slot);
    if (this.#isDisposed) return;
    if (thread.end?.neverStarted === true) this.#emptyLater(slot, RETRY_START_MS);
    else if (thread.end !== undefined) slot.thread = undefined;
    else if (thread.isIdle) this.#emptyLater(slot, LINGER_MS);
  }

  /** Empties the slot and stops its thread after the delay, unless the thread changes before. */
  #emptyLater(slot: Slot, delayMs: number): void {
    slot.timer = systemClock.setTimer(() => {
      const { thread } = slot;
      slot.thread = slot.timer = undefined;
      if (thread === undefined) return;
      const stopped = thread.stop().finally(() => this.#stopping.delete(stopped));
      this.#stopping.add(stopped);
    }, delayMs);
  }

  #clearTimer(slot: Slot): void {
    if (slot.timer !== undefined) systemClock.clearTimer(slot.timer);
    slot.timer = undefined;
  }
}

/**
 * A worker inherits the flags of this process, and Node refuses a worker with `--input-type`. Such a worker gets no
 * flags at all: Node would also refuse a list of the others if it had a V8 flag in it.
 */
function execArgv(): { execArgv?: string[] } {
  return process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {};
}

/** Counts a thread that has ended as full, so that a connection goes to a thread that runs. */
function loadOf({ thread }: Slot): number {
  return thread?.end === undefined ? (thread?.connectionCount ?? 0) : Infinity;
}
