import type { Clock } from '@grpc-manifold/core/internal';

/** How a {@link ModelServer} works. */
export interface ModelServerOptions {
  /** Calls that are worked on at once; the rest wait their turn. Default 10. */
  readonly workers?: number;
  /** Milliseconds of work that the next call takes; drawn when a worker takes it up. Default always 5. */
  readonly serviceMs?: () => number;
  /** Milliseconds between the client and the server and back, of which half each way. Default 0. */
  readonly transitMs?: number;
  /** Whether a cancelled call that has not been taken up is worked on all the same, for nothing. Default false. */
  readonly worksOnCancelled?: boolean;
}

/** A call at the server. */
interface Visit {
  readonly answer: () => void;
  isCancelled: boolean;
}

/**
 * Stands for a server in simulations: so many workers, first come first served, no bound on who waits. It lives on a
 * clock that a test moves, so that minutes of load take a moment and come out the same each time. Its capacity is
 * `workers` / `serviceMs`, and may change while it works.
 */
export class ModelServer {
  /** Calls worked on at once. Fewer lets the ones that are being worked on finish. */
  workers: number;
  /** What `serviceMs` is multiplied by for the calls taken up from now on. */
  slowdown = 1;
  readonly #clock: Clock;
  readonly #serviceMs: () => number;
  readonly #transitMs: number;
  readonly #worksOnCancelled: boolean;
  #line: Visit[] = [];
  #head = 0;
  #busy = 0;

  constructor(clock: Clock, options: ModelServerOptions = {}) {
    this.#clock = clock;
    this.workers = options.workers ?? 10;
    this.#serviceMs = options.serviceMs ?? (() => 5);
    this.#transitMs = options.transitMs ?? 0;
    this.#worksOnCancelled = options.worksOnCancelled ?? false;
  }

  /** Calls that have come and that no worker has taken up. */
  get waiting(): number {
    return this.#line.length - this.#head;
  }

  /** Sends a call; `answer` is run when its answer is back, unless the call was cancelled. */
  call(answer: () => void): { cancel(): void } {
    const visit: Visit = { answer, isCancelled: false };
    this.#travel(() => {
      this.#line.push(visit);
      this.#takeUp();
    });
    return {
      cancel() {
        visit.isCancelled = true;
      },
    };
  }

  #takeUp(): void {
    while (this.#busy < this.workers && this.#head < this.#line.length) {
      const visit = this.#line[this.#head++] as Visit;
      if (visit.isCancelled && !this.#worksOnCancelled) continue;
      this.#busy += 1;
      this.#clock.setTimer(() => this.#finish(visit), this.#serviceMs() * this.slowdown);
    }
    if (this.#head > 1_000 && this.#head * 2 > this.#line.length) {
      this.#line = this.#line.slice(this.#head);
      this.#head = 0;
    }
  }

  #finish(visit: Visit): void {
    this.#busy -= 1;
    this.#travel(() => {
      if (!visit.isCancelled) visit.answer();
    });
    this.#takeUp();
  }

  #travel(arrive: () => void): void {
    if (this.#transitMs === 0) arrive();
    else this.#clock.setTimer(arrive, this.#transitMs / 2);
  }
}
