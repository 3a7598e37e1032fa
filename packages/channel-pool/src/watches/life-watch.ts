import type { Clock, Timer } from '@grpc-manifold/core/internal';
import type { PooledChannel } from '../member/pooled-channel.js';

/** Milliseconds between two looks, and of silence after which a connection whose calls are unanswered is asked. */
export const ASK_AFTER_MS = 1_000;

/**
 * Asks a connection for a sign of life when it has been silent for a second and calls were put on it since the last
 * question that it answered. The options do not matter, so that no dead connection is used for ever. A connection that
 * answers is not asked again before it gets another call: a quiet stream costs one question.
 */
export class LifeWatch {
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly open: Iterable<PooledChannel>,
  ) {}

  /** A call was put on a connection. */
  watch(member: PooledChannel): void {
    if (this.#timer !== undefined || this.#isClosed || !member.canPing) return;
    this.#timer = this.clock.setTimer(() => this.#look(), ASK_AFTER_MS);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
  }

  #look(): void {
    this.#timer = undefined;
    for (const member of this.open) {
      if (!member.hasUnprovenCalls) continue;
      member.askWhenSilent(ASK_AFTER_MS);
      this.watch(member);
    }
  }
}
