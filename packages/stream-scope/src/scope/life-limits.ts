import type { Clock, Timer } from '@grpc-manifold/core';
import type { LifeLimit } from './stream-limit-error.js';

/** How long a stream may live; Infinity for as long as it likes. */
export interface Lifetimes {
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
}

/** Watches over how long a stream lives, with one timer a limit that nothing but its own firing sets again. */
export class LifeLimits {
  readonly #openedMs: number;
  readonly #timers = new Map<LifeLimit, Timer>();
  #lastMessageMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly limits: Lifetimes,
    private readonly onReached: (limit: LifeLimit, limitMs: number) => void,
  ) {
    this.#openedMs = this.#lastMessageMs = clock.elapsed();
    this.#look('idleTimeoutMs');
    this.#look('maxLifetimeMs');
  }

  /** A message went one way or the other. A look at the clock, no more. */
  message(): void {
    if (this.limits.idleTimeoutMs !== Infinity) this.#lastMessageMs = this.clock.elapsed();
  }

  /** Clears the timers. */
  stop(): void {
    for (const timer of this.#timers.values()) this.clock.clearTimer(timer);
    this.#timers.clear();
  }

  /** Timers may be cut short by the clock, and messages come meanwhile: what counts is the time when one fires. */
  #look(limit: LifeLimit): void {
    const limitMs = this.limits[limit];
    if (limitMs === Infinity) return;
    const sinceMs = limit === 'idleTimeoutMs' ? this.#lastMessageMs : this.#openedMs;
    const leftMs = sinceMs + limitMs - this.clock.elapsed();
    if (leftMs > 0) {
      // Timers of Node may fire a fraction of a millisecond early; none is set for less than one.
      this.#timers.set(
        limit,
        this.clock.setTimer(() => this.#look(limit), Math.max(leftMs, 1)),
      );
    } else {
      this.#timers.delete(limit);
      this.onReached(limit, limitMs);
    }
  }
}
