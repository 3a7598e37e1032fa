import type { ChannelOptions } from '@grpc/grpc-js';
import type { Clock, Timer } from '@grpc-manifold/core/internal';

/** grpc-js's own default of `grpc.client_idle_timeout_ms`, and the least that it takes (internal-channel.ts). */
const DEFAULT_IDLE_TIMEOUT_MS = 30 * 60_000;
const LEAST_IDLE_TIMEOUT_MS = 1_000;

/**
 * Reads after how many milliseconds without a call a channel of grpc-js goes idle. Default 1,800,000; at least 1,000.
 */
export function idleTimeoutOf(options: ChannelOptions): number {
  const timeoutMs = Number(options['grpc.client_idle_timeout_ms'] ?? DEFAULT_IDLE_TIMEOUT_MS);
  return Number.isNaN(timeoutMs) ? DEFAULT_IDLE_TIMEOUT_MS : Math.max(timeoutMs, LEAST_IDLE_TIMEOUT_MS);
}

/** What is watched for idleness. */
export interface IdleHost {
  /** True while a call runs or waits, or somebody waits for a connection. */
  isInUse(): boolean;
  /** When it was in use last, on the clock's `elapsed()`. */
  lastUsedMs(): number;
  /** Nobody has used it for the whole timeout. */
  onIdle(idleMs: number): void;
}

/**
 * Tells once when something was not used for a while. It looks at most once in each timeout, so that using it costs
 * nothing; {@link watch} makes it look again.
 */
export class IdleWatch {
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
    private readonly host: IdleHost,
  ) {}

  /** It is in use: watches from now on. Cheap when it does already. */
  watch(): void {
    if (this.#timer === undefined && !this.#isClosed) this.#lookIn(this.timeoutMs);
  }

  /** There is nothing left to watch until {@link watch} is called. */
  stop(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Watches no more. */
  close(): void {
    this.#isClosed = true;
    this.stop();
  }

  #lookIn(delayMs: number): void {
    this.#timer = this.clock.setTimer(() => {
      this.#timer = undefined;
      if (this.host.isInUse()) return this.#lookIn(this.timeoutMs);
      const idleMs = this.clock.elapsed() - this.host.lastUsedMs();
      if (idleMs < this.timeoutMs) this.#lookIn(this.timeoutMs - idleMs);
      else this.host.onIdle(idleMs);
    }, delayMs);
  }
}
