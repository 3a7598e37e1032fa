import type { Clock, Timer } from '@grpc-manifold/core/internal';
import { isPanic, isTrialDue, judge } from './outliers.js';
import { note } from './note.js';
import type { PooledChannel } from '../member/pooled-channel.js';

/** Milliseconds between two looks at the connections while calls wait for their first answer. */
export const LOOK_MS = 100;

/** The pool whose connections are ejected. */
export interface EjectingPool {
  /** Connections that are not closed. */
  readonly open: Iterable<PooledChannel>;
  isOn(): boolean;
  /** Carries out a decision as a whole: listeners are told when it is over. */
  during<T>(operation: () => T): T;
  /** False where calls are not spread alike over the connections. */
  measuresLatency(): boolean;
  /** A connection may be tried. */
  onRoom(): void;
}

/**
 * Puts the connections of a pool out of use that fail, are slower than the others, or have fallen silent, and back. It
 * looks at them on a timer while calls wait for an answer, and at once when something decisive has happened.
 */
export class Ejector {
  #timer: Timer | undefined;
  #lookedAtMs = 0;
  /** Since when this process has been listening without a long pause. */
  #presentSinceMs = -Infinity;
  #ejected = 0;
  #trials: PooledChannel[] = [];
  #isClosed = false;
  #isJudging = false;

  constructor(
    private readonly clock: Clock,
    private readonly pool: EjectingPool,
  ) {}

  /** True when calls must be timed. */
  get isOn(): boolean {
    return this.#ejected > 0 || this.pool.isOn();
  }

  /**
   * False when this process was too busy to tell how long a call took that ended now: it may have been answered long
   * since.
   */
  wasPresent(sinceMs: number, nowMs: number): boolean {
    return sinceMs >= this.#presentSinceMs && nowMs - this.#lookedAtMs <= 2 * LOOK_MS;
  }

  /** A call was handed to a connection. */
  watch(): void {
    if (this.#timer !== undefined || this.#isClosed || !this.isOn) return;
    this.#lookedAtMs = this.clock.elapsed();
    this.#setTimer();
  }

  /** The ejected connection that the next call shall try, if any. */
  takeTrial(): PooledChannel | undefined {
    while (this.#trials.length > 0) {
      const member = this.#trials.pop() as PooledChannel;
      if (member.hasTrialRoom) return member;
    }
    return undefined;
  }

  /** Something decisive has happened. */
  judge(): void {
    if (this.#isJudging || this.#isClosed) return;
    this.#isJudging = true;
    this.pool.during(() => this.#judge());
  }

  #judge(): void {
    try {
      const members = [...this.pool.open].filter((member) => member.isLive);
      const byVitals = new Map(members.map((member) => [member.vitals, member]));
      const nowMs = this.clock.elapsed();
      const vitals = [...byVitals.keys()];
      const judgement = judge(vitals, nowMs, this.pool.measuresLatency());
      note(vitals, judgement, nowMs, (asked) => byVitals.get(asked)?.askForLife() === true);
      this.#apply(members);
    } finally {
      this.#isJudging = false;
    }
  }

  /** A connection came or went: the share of those that are ejected is another one. */
  connectionsChanged(): void {
    if (this.#ejected > 0) this.judge();
  }

  close(): void {
    this.#isClosed = true;
    this.#trials = [];
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
  }

  #setTimer(): void {
    this.#timer = this.clock.setTimer(() => {
      // A process that was busy all the while has not read the answers yet: it does before the next turn.
      this.clock.soon(() => this.pool.during(() => this.#look()));
    }, LOOK_MS);
  }

  #look(): void {
    if (this.#isClosed) return;
    const nowMs = this.clock.elapsed();
    const sinceMs = nowMs - this.#lookedAtMs;
    if (sinceMs > 2 * LOOK_MS) this.#presentSinceMs = nowMs;
    this.#lookedAtMs = nowMs;
    for (const member of this.pool.open) {
      if (member.isLive) member.vitals.look(member.lifeSigns, Math.min(sinceMs, LOOK_MS));
    }
    this.judge();
    this.#trials = this.#ejected === 0 ? [] : this.#findTrials(nowMs);
    this.#timer = undefined;
    if (this.#hasReasonToLook()) this.#setTimer();
    if (this.#trials.length > 0) this.pool.onRoom();
  }

  /** The ejected members that a call may try now. */
  #findTrials(nowMs: number): PooledChannel[] {
    const due = [...this.pool.open].filter((member) => isTrialDue(member.vitals, nowMs));
    // A member that needs to be verified is asked now: while others have room nobody else would ask it.
    for (const member of due) member.verify();
    return due.filter((member) => member.hasTrialRoom);
  }

  #hasReasonToLook(): boolean {
    for (const { isLive, vitals, inFlightCalls } of this.pool.open) {
      if (isLive && (vitals.awaiting > 0 || vitals.asking === 'asked')) return true;
      // Calls may wait for a connection that is to come back.
      if (this.#ejected > 0 && inFlightCalls > 0) return true;
    }
    return false;
  }

  /** Brings the states of the connections in step with what was decided. */
  #apply(members: readonly PooledChannel[]): void {
    const live = members.filter((member) => member.isLive);
    const ejected = live.filter(({ vitals }) => vitals.ejection !== undefined);
    this.#ejected = ejected.length;
    const all = isPanic(ejected.length, live.length);
    // Those that come back first: none is to be missing in between.
    for (const member of live) {
      if (member.vitals.ejection === undefined) member.readmit('it answered a call again');
      else if (all) member.readmit(`${ejected.length} of ${live.length} connections are ejected: all are used`);
    }
    if (all) return;
    for (const member of ejected) {
      const { reason = '', fault } = member.vitals.ejection ?? {};
      member.eject(`ejected: ${reason}`, fault);
    }
  }
}
