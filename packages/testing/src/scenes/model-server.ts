import type { Clock } from '@grpc-manifold/core/internal';

/** Options of a {@link ModelServer}. */
export interface ModelServerOptions {
  /** The number of calls that are processed at the same time; other calls wait. Default 10. */
  readonly workers?: number;
  /** Milliseconds of work for the next call, drawn when a worker starts it. Default always 5. */
  readonly serviceMs?: () => number;
  /** The round-trip time between client and server in milliseconds, half of it in each direction. Default 0. */
  readonly transitMs?: number;
  /** True when the server also processes waiting calls that were cancelled. Default false. */
  readonly worksOnCancelled?: boolean;
}

/** A call at the server. */
interface Visit {
  readonly answer: () => void;
  isCancelled: boolean;
}

/**
 * A server for simulations: a number of workers and an unlimited first-in-first-out queue. It uses a fake clock, so
 * that minutes of load run in a moment and give the same result each time. Its capacity is `workers` / `serviceMs` and
 * may change while it runs.
 */
export class ModelServer {
  /** The number of calls processed at the same time. When it is reduced, calls in progress still finish. */
  workers: number;
  /** The factor for `serviceMs` of calls that are started from now on. */
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

  /** The number of calls that have arrived and were not started. */
  get waiting(): number {
    return this.#line.length - this.#head;
  }

  /** Sends a call. `answer` is called when the answer arrives, unless the call was cancelled. */
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
