import { createHistogram } from 'node:perf_hooks';
import * as grpc from '@grpc/grpc-js';

/** Counts how calls ended and how long the successful ones took. */
export class Tally {
  readonly #all = createHistogram();
  readonly #recent = createHistogram();
  readonly #statuses = new Map<grpc.status, number>();
  #recentSuccesses = 0;

  /** Takes one ended call. */
  add(error: grpc.ServiceError | null, tookMs: number): void {
    const code = error === null ? grpc.status.OK : error.code;
    this.#statuses.set(code, this.count(code) + 1);
    if (error !== null) return;
    const tookUs = Math.max(1, Math.round(tookMs * 1_000));
    this.#all.record(tookUs);
    this.#recent.record(tookUs);
    this.#recentSuccesses += 1;
  }

  /** How many calls ended with `code`. */
  count(code: grpc.status): number {
    return this.#statuses.get(code) ?? 0;
  }

  /** All counts by the status's name. */
  get statuses(): Record<string, number> {
    return Object.fromEntries([...this.#statuses].map(([code, count]) => [grpc.status[code], count]));
  }

  /** The time, in milliseconds, within which `percent` of the successful calls ended. */
  percentileMs(percent: number): number {
    return this.#all.percentile(percent) / 1_000;
  }

  /** Successes since the last call of this, with their percentiles in milliseconds. */
  takeRecent(): { successes: number; p50Ms: number; p99Ms: number } {
    const recent = {
      successes: this.#recentSuccesses,
      p50Ms: this.#recent.percentile(50) / 1_000,
      p99Ms: this.#recent.percentile(99) / 1_000,
    };
    this.#recent.reset();
    this.#recentSuccesses = 0;
    return recent;
  }
}
