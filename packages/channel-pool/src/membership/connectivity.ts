import { connectivityState } from '@grpc/grpc-js';
import { deadlineMsOf, dueMsOf, throwLater, type Clock, type Timer } from '@grpc-manifold/core/internal';

interface Watcher {
  readonly seen: connectivityState;
  readonly callback: (error?: Error) => void;
  timer: Timer | undefined;
}

/** The connectivity state of a pool as grpc-js clients ask for it, and those who wait for it to change. */
export class Connectivity {
  #state = connectivityState.IDLE;
  readonly #watchers = new Set<Watcher>();
  /**
   * Until when the owner of a callback waits. `Client.waitForReady` watches anew after each change of state, with the
   * same callback and the same deadline: its time would begin anew as well if the wall clock was set meanwhile.
   */
  readonly #deadlines = new WeakMap<Watcher['callback'], { readonly deadlineMs: number; readonly dueMs: number }>();

  /** @param tell calls back when a watcher may be told. */
  constructor(
    private readonly clock: Clock,
    private readonly tell: (announcement: () => void) => void = (announcement) => announcement(),
  ) {}

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
      if (watcher.seen !== state) this.tell(() => this.#settle(watcher));
    }
  }

  /**
   * Calls back once: without an error when the state is another than `seen`, with one when the deadline passes first. A
   * watcher with a deadline holds the process until then; one without does not. What it throws is an
   * `uncaughtException`.
   *
   * @throws Error after SHUTDOWN, as grpc-js does.
   */
  watch(seen: connectivityState, deadline: Date | number, callback: (error?: Error) => void): void {
    if (this.#state === connectivityState.SHUTDOWN) throw new Error('Channel has been shut down');
    const watcher: Watcher = { seen, callback, timer: undefined };
    this.#watchers.add(watcher);
    const dueMs = this.#dueMs(deadline, callback);
    if (seen !== this.#state) {
      process.nextTick(() => this.#settle(watcher));
      return;
    }
    if (dueMs !== Infinity) this.#waitUntil(watcher, dueMs);
  }

  /** One who watches anew until the deadline of before waits until the moment that it was then. */
  #dueMs(deadline: Date | number, callback: Watcher['callback']): number {
    const deadlineMs = deadlineMsOf(deadline);
    if (deadlineMs === Infinity) return Infinity;
    const before = this.#deadlines.get(callback);
    if (before?.deadlineMs === deadlineMs) return before.dueMs;
    const dueMs = dueMsOf(deadlineMs, this.clock);
    this.#deadlines.set(callback, { deadlineMs, dueMs });
    return dueMs;
  }

  /** A moment further off than Node's timers reach is waited for in steps. */
  #waitUntil(watcher: Watcher, dueMs: number): void {
    watcher.timer = this.clock.setTimer(
      () => {
        if (this.clock.elapsed() < dueMs) this.#waitUntil(watcher, dueMs);
        else this.#settle(watcher, new Error('Deadline passed without connectivity state change'));
      },
      Math.ceil(dueMs - this.clock.elapsed()),
    );
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
