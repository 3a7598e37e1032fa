import type { TransportFault } from '@grpc-manifold/core';

/** Faults in a row after which a connection is ejected (Envoy's `consecutive_5xx`: 5). */
export const FAULTS_IN_A_ROW = 5;
/** Share of one answer in the average. */
const WEIGHT = 0.1;
/**
 * Milliseconds that the call which is to bring a connection back has for its answer; after that another is let through.
 */
export const TRIAL_MS = 1_000;

/** How a connection was put out of use, and how it may come back. */
export interface Ejection {
  readonly reason: string;
  readonly fault?: TransportFault;
  /** True when it was slow: its trial must be quick, not only answered. */
  readonly isForLatency: boolean;
  untilMs: number;
  /** When the call that may bring it back was given to it; -1 while there is none. */
  trialAtMs: number;
  outcome: 'answered' | 'failed' | undefined;
}

/**
 * What the calls of one connection tell of it. Times are monotonic milliseconds and come from outside. A call is given,
 * and then answered, broken, missed or dropped, once.
 */
export class Vitals {
  /** Calls that wait for their first answer. */
  awaiting = 0;
  faultsInARow = 0;
  lastFault: TransportFault | undefined;
  /** Deadlines that passed without an answer since the last sign of life. */
  missedInARow = 0;
  /** Average time to the first answer; undefined before there is one. */
  ewmaMs: number | undefined;
  answeredAtMs = -Infinity;
  /** What an answer must take for it to count as slow: as it was found out at the last look. */
  slowAboveMs = Infinity;
  slowInARow = 0;
  /** Milliseconds between the first and the last of these. */
  slowForMs = 0;
  #slowSinceMs = 0;
  /** Milliseconds without a sign of life although calls wait that were given since. */
  silentMs = 0;
  /** Milliseconds of these since it was asked for one. */
  askedMs = 0;
  asking: 'no' | 'asked' | 'cannot' = 'no';
  ejection: Ejection | undefined;
  timesInARow = 0;
  backAtMs = -Infinity;
  #life = -1;
  #isGiven = false;
  #isDue = false;
  #refusedAtMs = -1;

  given(nowMs: number): void {
    this.awaiting += 1;
    this.#isGiven = true;
    const { ejection } = this;
    if (ejection !== undefined && nowMs >= ejection.untilMs) ejection.trialAtMs = nowMs;
  }

  /**
   * The other end has answered, whatever it said. Returns true when that calls for a decision.
   *
   * @param counts false when this process was too busy to tell how long it took.
   */
  answered(givenAtMs: number, nowMs: number, counts: boolean): boolean {
    this.awaiting -= 1;
    this.faultsInARow = this.missedInARow = 0;
    const tookMs = nowMs - givenAtMs;
    if (counts) {
      this.answeredAtMs = nowMs;
      this.#average(tookMs);
      this.#noteSpeed(tookMs > this.slowAboveMs, nowMs);
    }
    const ejection = this.#tried(givenAtMs);
    if (ejection === undefined) return false;
    ejection.outcome = counts && ejection.isForLatency && tookMs > this.slowAboveMs ? 'failed' : 'answered';
    return true;
  }

  /** Its stream was broken. Returns true when that calls for a decision. */
  broken(fault: TransportFault, givenAtMs: number, nowMs: number): boolean {
    this.awaiting -= 1;
    const ejection = this.#tried(givenAtMs);
    if (ejection !== undefined) {
      ejection.outcome = 'failed';
      return true;
    }
    // A limit that was lowered refuses all that was on its way at once: those are one fault.
    if (fault.tag === 'refused-stream') {
      if (givenAtMs <= this.#refusedAtMs) return false;
      this.#refusedAtMs = nowMs;
    }
    this.faultsInARow += 1;
    this.lastFault = fault;
    return this.ejection === undefined && this.faultsInARow >= FAULTS_IN_A_ROW;
  }

  /** Its deadline passed without an answer: it took at least that long. Returns true when that calls for a decision. */
  missed(givenAtMs: number, nowMs: number, counts: boolean): boolean {
    this.awaiting -= 1;
    this.missedInARow += 1;
    const tookMs = nowMs - givenAtMs;
    if (counts && tookMs > (this.ewmaMs ?? 0)) this.#average(tookMs);
    if (counts && tookMs > this.slowAboveMs) this.#noteSpeed(true, nowMs);
    const ejection = this.#tried(givenAtMs);
    if (ejection === undefined) return false;
    if (!counts || tookMs < Math.min(TRIAL_MS, ejection.isForLatency ? this.slowAboveMs : TRIAL_MS)) {
      ejection.trialAtMs = -1;
      return false;
    }
    ejection.outcome = 'failed';
    return true;
  }

  /** It was cancelled, or ended by something else that says nothing. */
  dropped(givenAtMs: number): void {
    this.awaiting -= 1;
    const ejection = this.#tried(givenAtMs);
    if (ejection !== undefined) ejection.trialAtMs = -1;
  }

  /**
   * Looks for life.
   *
   * @param life a number that grows with everything that the other end sends.
   * @param sinceMs how long it is since the last look, as far as this process was listening.
   */
  look(life: number, sinceMs: number): void {
    if (life !== this.#life) {
      this.#life = life;
      this.#isDue = this.#isGiven;
      this.#isGiven = false;
      this.silentMs = this.askedMs = this.missedInARow = 0;
      this.asking = 'no';
      return;
    }
    // What waits since before the last sign of life may wait by right, for as long as it likes.
    this.#isDue ||= this.#isGiven;
    this.#isGiven = false;
    if (!this.#isDue || (this.awaiting === 0 && this.missedInARow === 0 && this.asking !== 'asked')) {
      this.silentMs = 0;
      return;
    }
    this.silentMs += sinceMs;
    if (this.asking === 'asked') this.askedMs += sinceMs;
  }

  /** It gets no calls for a while. */
  eject(ejection: Ejection, timesInARow: number): void {
    this.ejection = ejection;
    this.timesInARow = timesInARow;
  }

  /** It takes calls again: what was measured before is forgotten. */
  readmit(nowMs: number): void {
    this.ejection = undefined;
    this.backAtMs = nowMs;
    this.faultsInARow = this.slowInARow = this.slowForMs = 0;
    this.ewmaMs = undefined;
  }

  #noteSpeed(isSlow: boolean, nowMs: number): void {
    if (this.slowInARow === 0) this.#slowSinceMs = nowMs;
    this.slowInARow = isSlow ? this.slowInARow + 1 : 0;
    this.slowForMs = isSlow ? nowMs - this.#slowSinceMs : 0;
  }

  #average(tookMs: number): void {
    this.ewmaMs = this.ewmaMs === undefined ? tookMs : this.ewmaMs + (tookMs - this.ewmaMs) * WEIGHT;
  }

  /** The ejection that a call may end: it was given when the time was up. */
  #tried(givenAtMs: number): Ejection | undefined {
    const { ejection } = this;
    return ejection !== undefined && givenAtMs >= ejection.untilMs ? ejection : undefined;
  }
}
