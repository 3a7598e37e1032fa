import PQueue from 'p-queue';
import type { Clock, Timer } from '@grpc-manifold/core/internal';
import { AttemptRate } from './attempt-rate.js';

/** What a connection is opened for. */
export type Purpose = 'growth' | 'rotation';

/** p-queue starts what has the higher priority first. */
const PRIORITIES: Readonly<Record<Purpose, number>> = { growth: 1, rotation: 0 };

/** Connections that are opened at once (docs/decisions/0004). */
const CONCURRENT_ATTEMPTS = 1;

/** Attempts that begin within a second at the most (docs/decisions/0033). */
const ATTEMPTS_PER_SECOND = 2_000;

/** The pool that connections are opened for. */
export interface OpeningPool {
  /** Why a connection is to be opened for that purpose now; undefined when none is. Asked when its turn has come. */
  reasonFor(purpose: Purpose): string | undefined;
  /** Asked before a connection is opened. Returns nothing when it may be, else a promise of whether it then may. */
  beforeOpening(): Promise<boolean> | undefined;
  /** Opens a connection; resolves when the attempt is over. Returns undefined when there was no need. */
  open(purpose: Purpose, reason: string): Promise<void> | undefined;
  /** Nothing is under way any more: asks whether there is more to do. */
  onIdle(): void;
}

/** Opens the connections of a pool: growth before rotation, so many at once and so many a second. */
export class Opener {
  readonly #attempts = new PQueue({ concurrency: CONCURRENT_ATTEMPTS });
  readonly #waiting: Record<Purpose, boolean> = { growth: false, rotation: false };
  readonly #rate = new AttemptRate(ATTEMPTS_PER_SECOND);
  #timer: Timer | undefined;
  #resume: (() => void) | undefined;
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly pool: OpeningPool,
  ) {}

  /** True while an attempt is under way, or about to be. */
  get isBusy(): boolean {
    return this.#attempts.pending > 0;
  }

  /** True while a request of that purpose waits for its turn. */
  isWaiting(purpose: Purpose): boolean {
    return this.#waiting[purpose];
  }

  /** Has a connection opened when its turn has come. At most one request of each purpose waits. */
  request(purpose: Purpose): void {
    if (this.#isClosed || this.#waiting[purpose]) return;
    this.#waiting[purpose] = true;
    const attempt = async (): Promise<void> => {
      this.#waiting[purpose] = false;
      await this.#attempt(purpose);
    };
    void this.#attempts.add(attempt, { priority: PRIORITIES[purpose] }).then(() => this.#next());
  }

  /** Begins nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#attempts.clear();
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#resume?.();
  }

  #next(): void {
    if (!this.#isClosed && !this.isBusy) this.pool.onIdle();
  }

  #attempt(purpose: Purpose): Promise<void> | undefined {
    const reason = this.#reasonFor(purpose);
    if (reason === undefined) return undefined;
    const permit = this.pool.beforeOpening();
    if (permit === undefined) return this.#open(purpose, reason);
    // A permit that was not given is asked for anew, as long as there is a reason.
    return permit.then((isGiven) => (isGiven ? this.#openStill(purpose) : this.#attempt(purpose)));
  }

  #open(purpose: Purpose, reason: string): Promise<void> | undefined {
    const delayMs = this.#rate.take(this.clock.elapsed());
    if (delayMs === 0) return this.pool.open(purpose, reason);
    return this.#pause(delayMs).then(() => this.#openStill(purpose));
  }

  /** The reason may have gone while a permit or the next second was awaited. */
  #openStill(purpose: Purpose): Promise<void> | undefined {
    const reason = this.#reasonFor(purpose);
    return reason === undefined ? undefined : this.#open(purpose, reason);
  }

  #reasonFor(purpose: Purpose): string | undefined {
    return this.#isClosed ? undefined : this.pool.reasonFor(purpose);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.#timer = this.clock.setTimer(resolve, delayMs);
    });
  }
}
