import type { Clock, Timer } from '@grpc-manifold/core';
import type { CallSet } from './call-set.js';

/**
 * Waits until no call of a set is left, or until time is up. One that has begun can be hurried: a pool that is destroyed
 * while it drains does not wait on.
 */
export class Drain {
  readonly #timer: Timer | undefined;
  #settle: () => void = () => undefined;
  readonly #timeUp = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  constructor(
    private readonly clock: Clock,
    private readonly calls: CallSet<unknown>,
    timeoutMs: number,
  ) {
    if (timeoutMs === Infinity) return;
    this.#timer = clock.setTimer(this.#settle, timeoutMs);
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
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
  }
}
