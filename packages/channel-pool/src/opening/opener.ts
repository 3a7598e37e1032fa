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
    void this.#attempts
      .add(() => this.#attempt(purpose) ?? Promise.resolve(), { priority: PRIORITIES[purpose] })
      .then(() => this.#next());
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
    this.#waiting[purpose] = false;
    if (this.#isClosed || this.pool.reasonFor(purpose) === undefined) return undefined;
    const permit = this.pool.beforeOpening();
    if (permit !== undefined) return permit.then((isGiven) => (isGiven ? this.#open(purpose) : this.#ask(purpose)));
    return this.#open(purpose);
  }

  /** A permit was not given, because the load went away or somebody else needs none any more: asks for another. */
  #ask(purpose: Purpose): Promise<void> | undefined {
    return this.#isClosed ? undefined : this.#attempt(purpose);
  }

  #open(purpose: Purpose): Promise<void> | undefined {
    // Load may have gone while a permit was awaited.
    const reason = this.#isClosed ? undefined : this.pool.reasonFor(purpose);
    if (reason === undefined) return undefined;
    const delayMs = this.#rate.take(this.clock.elapsed());
    if (delayMs === 0) return this.pool.open(purpose, reason);
    return this.#pause(delayMs).then(() => this.#open(purpose));
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.#timer = this.clock.setTimer(resolve, delayMs);
    });
  }
}
