import type { ChannelOptions } from '@grpc/grpc-js';
import type { Random } from '@grpc-manifold/core/internal';

const MULTIPLIER = 1.6;
const JITTER_RATIO = 0.2;

/**
 * The time between failed connection attempts, one for the whole pool: exponential from 1 s to 120 s, × 1.6, ± 20 %
 * (gRPC's connection-backoff document). Honours `grpc.initial_reconnect_backoff_ms` and
 * `grpc.max_reconnect_backoff_ms`.
 */
export class ConnectionBackoff {
  /** Milliseconds before the first repetition; also how long a connection must last to count as a success. */
  readonly initialMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(
    options: ChannelOptions,
    private readonly random: Random,
  ) {
    this.initialMs = options['grpc.initial_reconnect_backoff_ms'] ?? 1_000;
    this.#maxMs = Math.max(options['grpc.max_reconnect_backoff_ms'] ?? 120_000, this.initialMs);
    this.#nextMs = this.initialMs;
  }

  /** Milliseconds from a failed attempt to the next one. */
  next(): number {
    const jitter = 1 + JITTER_RATIO * (2 * this.random.next() - 1);
    const delayMs = this.#nextMs * jitter;
    this.#nextMs = Math.min(this.#nextMs * MULTIPLIER, this.#maxMs);
    return delayMs;
  }

  /** Starts over, after a connection was made. */
  reset(): void {
    this.#nextMs = this.initialMs;
  }
}
