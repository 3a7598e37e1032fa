import type { Clock, Timer } from '@grpc-manifold/core/internal';

/** Milliseconds without a sign of life, once it was asked for one, after which a connection is stalled. */
export const STALLED_AFTER_MS = 5_000;
/** Milliseconds between two looks at a connection that owes an answer, until it is stalled and from then on. */
const LOOK_MS = 100;
const SLOW_LOOK_MS = 500;

/** The connection that owes an answer. */
export interface SilentConnection {
  /** A number that grows with everything that comes in. */
  readonly count: number;
  /** False once its session is gone. */
  readonly canAsk: boolean;
}

/** Who is told of its silence. */
export interface SilenceObserver {
  /** Nothing came in for so long that another connection should take its place. */
  onStalled(silentMs: number): void;
  /** Nothing came in for so long that its calls should be told. */
  onSilent(silentMs: number): void;
}

/**
 * Measures how long a connection gives no sign of life although it was asked for one. Only time in which this process
 * ran counts: a look counts for no more than twice the time between two looks, however late it comes, and comes after
 * the input that was there was read.
 */
export class Silence {
  #timer: Timer | undefined;
  #lookedAtMs = 0;
  #life = 0;
  #silentMs = 0;
  #isStalled = false;

  constructor(
    private readonly clock: Clock,
    private readonly connection: SilentConnection,
    /** Milliseconds until its calls are told; Infinity for never. */
    private readonly timeoutMs: number,
    private readonly observer: SilenceObserver,
  ) {}

  /** It was asked for a sign of life. */
  begin(): void {
    if (this.#timer !== undefined) return;
    this.#lookedAtMs = this.clock.elapsed();
    this.#hear();
    this.#setTimer();
  }

  /** It has answered, or is gone. */
  end(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #hear(): void {
    this.#life = this.connection.count;
    this.#silentMs = 0;
    this.#isStalled = false;
  }

  #setTimer(): void {
    const timer = (this.#timer = this.clock.setTimer(
      () => this.clock.soon(() => timer === this.#timer && this.#look()),
      this.#lookMs,
    ));
  }

  get #lookMs(): number {
    return this.#isStalled ? SLOW_LOOK_MS : LOOK_MS;
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.connection.canAsk) return;
    const nowMs = this.clock.elapsed();
    if (this.connection.count !== this.#life) this.#hear();
    else this.#silentMs += Math.min(nowMs - this.#lookedAtMs, 2 * this.#lookMs);
    this.#lookedAtMs = nowMs;
    const hasStalled = !this.#isStalled && this.#silentMs >= STALLED_AFTER_MS;
    this.#isStalled ||= hasStalled;
    // Before anybody is told, who may close the connection, which ends this.
    this.#setTimer();
    if (hasStalled) this.observer.onStalled(this.#silentMs);
    if (this.#silentMs >= this.timeoutMs) {
      this.end();
      this.observer.onSilent(this.#silentMs);
    }
  }
}
