import type { Clock, Timer } from '@grpc-manifold/core/internal';
import type { LifeLimit } from './stream-limit-error.js';

/** How long a stream may live; Infinity for as long as it likes. */
export interface Lifetimes {
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
}

/** What goes over a stream. */
export interface Traffic {
  /** Milliseconds since the last message that was sent, or taken by whoever reads. */
  idleMs(): number;
  /** Messages that have come and were not taken. */
  unreadMessages(): number;
}

/** Watches over how long a stream lives, with one timer a limit that nothing but its own firing sets again. */
export class LifeLimits {
  readonly #openedMs: number;
  readonly #timers = new Map<LifeLimit, Timer>();
  #unread = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: Lifetimes,
    private readonly traffic: Traffic,
    private readonly onReached: (limit: LifeLimit, limitMs: number) => void,
  ) {
    this.#openedMs = clock.elapsed();
    this.#look('idleTimeoutMs');
    this.#look('maxLifetimeMs');
  }

  /** Clears the timers. */
  stop(): void {
    for (const timer of this.#timers.values()) this.clock.clearTimer(timer);
    this.#timers.clear();
  }

  /** More of them unread than at the last look: they have come since, nobody knows when. */
  #idleMs(): number {
    const before = this.#unread;
    this.#unread = this.traffic.unreadMessages();
    return this.#unread > before ? 0 : this.traffic.idleMs();
  }

  /** Timers may be cut short by the clock, and messages come meanwhile: what counts is the time when one fires. */
  #look(limit: LifeLimit): void {
    const limitMs = this.limits[limit];
    if (limitMs === Infinity) return;
    const soFarMs = limit === 'idleTimeoutMs' ? this.#idleMs() : this.clock.elapsed() - this.#openedMs;
    const leftMs = limitMs - soFarMs;
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
