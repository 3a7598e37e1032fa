import { connectivityState } from '@grpc/grpc-js';
import { throwLater, type Clock, type Timer } from '@grpc-manifold/core';

interface Watcher {
  readonly seen: connectivityState;
  readonly callback: (error?: Error) => void;
  timer: Timer | undefined;
}

/** The connectivity state of a pool as grpc-js clients ask for it, and those who wait for it to change. */
export class Connectivity {
  #state = connectivityState.IDLE;
  readonly #watchers = new Set<Watcher>();

  constructor(private readonly clock: Clock) {}

  get state(): connectivityState {
    return this.#state;
  }

  /** True while somebody waits for a change until a moment of his own. */
  get isWatched(): boolean {
    for (const watcher of this.#watchers) if (watcher.timer !== undefined) return true;
    return false;
  }

  /** Changes the state and tells those who waited for it. SHUTDOWN is the last. */
  set(state: connectivityState): void {
    if (state === this.#state || this.#state === connectivityState.SHUTDOWN) return;
    this.#state = state;
    for (const watcher of [...this.#watchers]) {
      if (watcher.seen !== state) this.#settle(watcher);
    }
  }

  /**
   * Calls back once: without an error when the state is another than `seen`, with one when the deadline passes first. A
   * watcher with a deadline holds the process until then; one without does not. What it throws is an `uncaughtException`.
   *
   * @throws Error after SHUTDOWN, as grpc-js does.
   */
  watch(seen: connectivityState, deadline: Date | number, callback: (error?: Error) => void): void {
    if (this.#state === connectivityState.SHUTDOWN) throw new Error('Channel has been shut down');
    const watcher: Watcher = { seen, callback, timer: undefined };
    this.#watchers.add(watcher);
    if (seen !== this.#state) {
      process.nextTick(() => this.#settle(watcher));
      return;
    }
    const deadlineMs = Number(deadline);
    if (deadlineMs !== Infinity) this.#waitUntil(watcher, deadlineMs);
  }

  /** A moment further off than Node's timers reach is waited for in steps. */
  #waitUntil(watcher: Watcher, deadlineMs: number): void {
    watcher.timer = this.clock.setTimer(() => {
      if (this.clock.now() < deadlineMs) this.#waitUntil(watcher, deadlineMs);
      else this.#settle(watcher, new Error('Deadline passed without connectivity state change'));
    }, deadlineMs - this.clock.now());
    watcher.timer.ref();
  }

  #settle(watcher: Watcher, error?: Error): void {
    if (!this.#watchers.delete(watcher)) return;
    if (watcher.timer !== undefined) this.clock.clearTimer(watcher.timer);
    try {
      watcher.callback(error);
    } catch (thrown) {
      throwLater(thrown);
    }
  }
}
