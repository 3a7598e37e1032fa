import { MAX_TIMER_MS, type Clock, type Timer } from '@grpc-manifold/core/internal';

/**
 * The one timer of a queue, for what expires first. It holds the process while something waits, so that what waits has
 * its answer. It is kept when nothing waits: a queue that empties and fills again all the time would set it anew each
 * time.
 */
export class ExpiryTimer {
  #timer: Timer | undefined;
  #dueMs = Infinity;
  #isHolding = false;

  constructor(
    private readonly clock: Clock,
    private readonly onDue: () => void,
  ) {}

  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Something waits that expires at a monotonic time. */
  watch(dueMs: number): void {
    if (this.#timer === undefined || dueMs < this.#dueMs) this.#set(dueMs);
    if (this.#isHolding) return;
    this.#isHolding = true;
    this.#timer?.ref();
  }

  /** Nothing waits any more. */
  release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#timer?.unref();
  }

  close(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#dueMs = Infinity;
    this.#isHolding = false;
  }

  #set(dueMs: number): void {
    this.close();
    const nowMs = this.clock.elapsed();
    this.#dueMs = Math.min(dueMs, nowMs + MAX_TIMER_MS);
    this.#timer = this.clock.setTimer(() => {
      this.#timer = undefined;
      this.#dueMs = Infinity;
      this.#isHolding = false;
      this.onDue();
    }, this.#dueMs - nowMs);
  }
}
