import { dueMsOf, type Clock } from '@grpc-manifold/core/internal';

/** When a call ends by its deadline. */
export class CallDeadline {
  /** Monotonic milliseconds; Infinity for never. */
  dueMs = Infinity;
  /** When the deadline began to count, monotonic milliseconds; only where there is one. */
  #sinceMs = 0;

  /** @param epochMs the deadline as the client gave it, epoch milliseconds; Infinity for none. */
  constructor(
    public epochMs: number,
    private readonly clock: Clock,
  ) {
    if (epochMs === Infinity) return;
    // Counted from here, as in grpc-js, whatever the wall clock is set to meanwhile.
    this.#sinceMs = clock.elapsed();
    this.dueMs = dueMsOf(epochMs, clock);
  }

  /** Milliseconds since the deadline began to count. */
  get passedMs(): number {
    return this.clock.elapsed() - this.#sinceMs;
  }

  /** Milliseconds until the call ends. */
  get leftMs(): number {
    return this.dueMs - this.clock.elapsed();
  }

  /** Begins the timeout of a method config. It counts from now; whichever ends earlier holds. Returns {@link dueMs}. */
  beginTimeout(timeoutMs: number): number {
    const nowMs = this.clock.elapsed();
    if (nowMs + timeoutMs >= this.dueMs) return this.dueMs;
    if (this.dueMs === Infinity) this.#sinceMs = nowMs;
    this.dueMs = nowMs + timeoutMs;
    this.epochMs = this.clock.now() + timeoutMs;
    return this.dueMs;
  }
}
