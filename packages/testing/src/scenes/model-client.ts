import type { Clock, Random } from '@grpc-manifold/core/internal';
import type { ModelServer } from './model-server.js';

/** A limit on the number of calls in flight. `ConcurrencyLimit` of bounded-queue implements it. */
export interface ModelLimit {
  readonly current: number;
  onSample(sample: { rttMs: number; inFlight: number; dropped: boolean }): void;
}

/** Options of a {@link ModelClient}. */
export interface ModelClientOptions {
  readonly limit: ModelLimit;
  /** The number of calls offered per second, at random times. May be changed. */
  readonly callsPerSecond: number;
  /** Deadline of each call in milliseconds from its start. Default 250. */
  readonly deadlineMs?: number;
  /** Calls that may wait for a slot. Default 1,000. */
  readonly maxQueuedCalls?: number;
  /**
   * When calls are refused early. 'wait': at once, when the deadline comes before the expected end of the wait.
   * 'wait-and-trip' (the default): at once, when the deadline comes before the expected end of the wait and the round
   * trip, with a margin; and at the head of the queue, when less than a round trip is left.
   */
  readonly earlyDrop?: 'wait' | 'wait-and-trip';
  /** The share of calls that the server fails at once, regardless of load. Default 0. */
  readonly failureRatio?: number;
}

/** The outcomes of calls within one second. */
export interface ModelSecond {
  offered: number;
  /** Answered before their deadline. */
  good: number;
  /** Admitted, but not answered before their deadline. */
  late: number;
  /** Refused at once. */
  refused: number;
  /** Failed by the server. */
  failed: number;
  lowestLimit: number;
  highestLimit: number;
  /** The durations in milliseconds of all admitted calls that have ended, in no particular order. */
  readonly tookMs: number[];
}

/** The factor by which a wait and a round trip may take longer than expected. */
const MARGIN = 1.25;

interface Waiting {
  readonly startedMs: number;
  readonly deadlineMs: number;
}

/**
 * Sends load to a {@link ModelServer} through a limit and a bounded first-in-first-out queue, as the interceptor does,
 * and counts the outcomes of each second.
 */
export class ModelClient {
  readonly seconds: ModelSecond[] = [];
  callsPerSecond: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #server: ModelServer;
  readonly #limit: ModelLimit;
  readonly #options: Required<ModelClientOptions>;
  readonly #startMs: number;
  #queue: Waiting[] = [];
  #head = 0;
  #inFlight = 0;
  #lastAdmissionMs = -Infinity;
  #intervalMs = 0;
  #tripMs = 0;

  constructor(clock: Clock, random: Random, server: ModelServer, options: ModelClientOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#server = server;
    this.#limit = options.limit;
    this.#options = {
      deadlineMs: 250,
      maxQueuedCalls: 1_000,
      earlyDrop: 'wait-and-trip',
      failureRatio: 0,
      ...options,
    };
    this.callsPerSecond = options.callsPerSecond;
    this.#startMs = clock.elapsed();
    this.#offerNext();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  #offerNext(): void {
    const gapMs = (-Math.log(1 - this.#random.next()) * 1_000) / this.callsPerSecond;
    this.#clock.setTimer(() => {
      this.#offer();
      this.#offerNext();
    }, gapMs);
  }

  #offer(): void {
    const nowMs = this.#clock.elapsed();
    const second = this.#second();
    second.offered += 1;
    const call = { startedMs: nowMs, deadlineMs: nowMs + this.#options.deadlineMs };
    if (this.queued === 0 && this.#inFlight < this.#limit.current) {
      this.#admit(call, false);
      return;
    }
    const waitMs = this.#intervalMs * (this.queued + 1);
    const expectedMs = this.#options.earlyDrop === 'wait' ? waitMs : (waitMs + this.#tripMs) * MARGIN;
    if (this.queued >= this.#options.maxQueuedCalls || expectedMs > this.#options.deadlineMs) second.refused += 1;
    else this.#queue.push(call);
  }

  #admitWaiting(): void {
    while (this.queued > 0 && this.#inFlight < this.#limit.current) {
      const call = this.#queue[this.#head++] as Waiting;
      const leftMs = call.deadlineMs - this.#clock.elapsed();
      const isTooLate = leftMs <= (this.#options.earlyDrop === 'wait' ? 0 : this.#tripMs * MARGIN);
      if (isTooLate && (leftMs <= 0 || this.#inFlight > 0)) this.#late(call);
      else this.#admit(call, true);
    }
    if (this.#head > 1_000) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #admit(call: Waiting, hasWaited: boolean): void {
    const admittedMs = this.#clock.elapsed();
    if (hasWaited) this.#intervalMs += (admittedMs - this.#lastAdmissionMs - this.#intervalMs) * 0.05;
    this.#lastAdmissionMs = admittedMs;
    this.#inFlight += 1;
    const inFlight = this.#inFlight;
    const end = (dropped: boolean): void => {
      const rttMs = this.#clock.elapsed() - admittedMs;
      if (!dropped) this.#tripMs += (rttMs - this.#tripMs) * 0.05;
      this.#inFlight -= 1;
      this.#limit.onSample({ rttMs, inFlight, dropped });
      const second = this.#second();
      second.lowestLimit = Math.min(second.lowestLimit, this.#limit.current);
      second.highestLimit = Math.max(second.highestLimit, this.#limit.current);
      this.#admitWaiting();
    };
    if (this.#random.next() < this.#options.failureRatio) {
      this.#clock.setTimer(() => {
        this.#second().failed += 1;
        end(true);
      }, 1);
      return;
    }
    const visit = this.#server.call(() => {
      this.#clock.clearTimer(deadline);
      const second = this.#second();
      second.good += 1;
      second.tookMs.push(this.#clock.elapsed() - call.startedMs);
      end(false);
    });
    const deadline = this.#clock.setTimer(() => {
      visit.cancel();
      this.#late(call);
      end(true);
    }, call.deadlineMs - admittedMs);
  }

  #late(call: Waiting): void {
    const second = this.#second();
    second.late += 1;
    second.tookMs.push(this.#clock.elapsed() - call.startedMs);
  }

  #second(): ModelSecond {
    const index = Math.floor((this.#clock.elapsed() - this.#startMs) / 1_000);
    while (this.seconds.length <= index) {
      this.seconds.push({
        offered: 0,
        good: 0,
        late: 0,
        refused: 0,
        failed: 0,
        lowestLimit: Infinity,
        highestLimit: -Infinity,
        tookMs: [],
      });
    }
    return this.seconds[index] as ModelSecond;
  }
}
