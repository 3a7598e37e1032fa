import type { Clock, Timer } from '@grpc-manifold/core/internal';
import type { CallSet } from './call-set.js';

/**
 * Waits until no call of a set is left, or until time is up. One that has begun can be given less time: a pool that is
 * disposed while it closes does not wait without end, and one that is destroyed does not wait on.
 */
export class Drain {
  #timer: Timer | undefined;
  #dueMs = Infinity;
  #isOver = false;
  #settle: () => void = () => undefined;
  readonly #timeUp = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  constructor(
    private readonly clock: Clock,
    private readonly calls: CallSet<unknown>,
    timeoutMs: number,
  ) {
    this.limit(timeoutMs);
  }

  /** Gives it so many milliseconds from now; it never gets more than it had. */
  limit(timeoutMs: number): void {
    const dueMs = this.clock.elapsed() + timeoutMs;
    if (this.#isOver || dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = this.clock.setTimer(this.#settle, timeoutMs);
    // Somebody waits for it, while there are calls.
    this.#timer.ref();
  }

  /** Lets the time be up now. */
  hurry(): void {
    this.#settle();
  }

  /** Resolves when it is over. */
  async done(): Promise<void> {
    await Promise.race([this.calls.whenEmpty(), this.#timeUp]);
    this.#isOver = true;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
  }
}
