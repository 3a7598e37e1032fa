import { EventEmitter } from 'node:events';
import type { Clock, Timer } from '@grpc-manifold/core/internal';
import { BUCKETS, Judge } from './judge.js';
import { MemberCalls } from './member-calls.js';
import type { ResolvedCircuitBreakerOptions } from './options.js';
import type { BreakerState, CircuitState } from './states.js';
import type { CallJudgement } from './call-judgement.js';

/** Why a circuit went from one state to another. */
export type StateChangeReason =
  'failed-calls' | 'slow-calls' | 'reset-timeout' | 'probe-answered' | 'probe-failed' | 'probe-timeout';

/** A circuit went from one state to another. */
export interface BreakerStateChange {
  readonly key: string;
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly reason: StateChangeReason;
  /** Share of failed calls, 0 to 1, among those on which it opened. */
  readonly errorRatio: number;
}

/** A call, as far as a breaker looks at it. */
export interface JudgedCall {
  /** Which of the breaker's periods it was let through in; for the breaker. */
  period: number;
  /** The server has answered it, and need not have ended it. */
  readonly isAnswered: boolean;
  /** Its first answer took longer than `slowCallMs`. */
  readonly isSlow: boolean;
}

/** One of the rules by which a circuit opens: the judge, and whose calls were bad. */
interface Rule {
  readonly judge: Judge;
  members: MemberCalls;
}

/** What calls came to, together. */
export type Counts = Pick<BreakerState, 'calls' | 'failures' | 'errorRatio' | 'slowRatio'>;

/**
 * The circuit of one key. It judges calls when they end, and knows of those in flight nothing but which one is its
 * probe. A call that was let through in one period, as before it opened, says nothing of the next.
 */
export class Breaker implements Disposable {
  readonly #rotation = new EventEmitter();
  readonly #errors: Rule;
  readonly #slowness: Rule | undefined;
  #state: CircuitState = 'closed';
  #period = 0;
  #rotatedMs: number;
  #probe: JudgedCall | undefined;
  /** Why its probe ended as it did. */
  #probeReason: StateChangeReason = 'probe-failed';
  /** Of the probe, or of the time for which it is open. */
  #timer: Timer | undefined;
  /** On which it opened. */
  #counts: Counts = { calls: 0, failures: 0, errorRatio: 0 };
  /** Epoch milliseconds. */
  #openedAt = 0;
  /** Monotonic. */
  #nextProbeMs = 0;

  /** @param restored it was so before, and not closed. */
  constructor(
    readonly key: string,
    private readonly options: ResolvedCircuitBreakerOptions,
    private readonly clock: Clock,
    private readonly onChange: (breaker: Breaker, change: BreakerStateChange) => void,
    restored?: BreakerState,
  ) {
    const { errorThresholdRatio, slowCallMs, slowCallRatio } = options;
    this.#rotatedMs = clock.elapsed();
    this.#errors = this.#rule(errorThresholdRatio, 'failed-calls');
    if (slowCallMs !== Infinity) this.#slowness = this.#rule(slowCallRatio, 'slow-calls');
    if (restored === undefined) this.#beginClosed();
    else this.#restore(restored);
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** The calls on which it opened. */
  get counts(): Counts {
    return this.#counts;
  }

  /** Milliseconds until a call may be its probe; undefined while one is. */
  get nextProbeInMs(): number | undefined {
    if (this.#probe !== undefined) return undefined;
    return Math.max(0, Math.ceil(this.#nextProbeMs - this.clock.elapsed()));
  }

  /** Lets a call through, or does not. What is let through must be settled. */
  admit(call: JudgedCall): boolean {
    if (this.#state === 'open') return false;
    if (this.#state === 'half-open') {
      if (this.#probe !== undefined) return false;
      this.#probe = call;
      this.#timer = this.clock.setTimer(() => this.#endProbeTime(call), this.options.probeTimeoutMs);
    }
    call.period = this.#period;
    return true;
  }

  /** A stream that is still in flight has its first answer. No pool says yet who carries it. */
  answered(call: JudgedCall): void {
    if (!this.#isCounted(call)) return;
    this.#rotate();
    this.#slowness?.judge.record(call.isSlow);
  }

  /**
   * A call has ended.
   *
   * @param channelId the connection of the pool that carried it, where one did.
   * @param isSlownessKnown {@link answered} was told of it.
   */
  settle(call: JudgedCall, judgement: CallJudgement, channelId: number | undefined, isSlownessKnown: boolean): void {
    if (call === this.#probe) return this.#settleProbe(call, judgement);
    if (judgement === 'ignored' || !this.#isCounted(call)) return;
    this.#rotate();
    const hasFailed = judgement === 'failed';
    this.#errors.members.record(channelId, hasFailed);
    this.#errors.judge.record(hasFailed);
    // It may have opened by that.
    if (this.#slowness === undefined || isSlownessKnown || !this.#isCounted(call)) return;
    this.#slowness.members.record(channelId, call.isSlow);
    this.#slowness.judge.record(call.isSlow);
  }

  /** What is to be known of it now. */
  snapshot(): BreakerState {
    const state = this.#state;
    if (state === 'closed') return Object.freeze({ state, ...this.#count() });
    const waitMs = this.#nextProbeMs - this.clock.elapsed();
    return Object.freeze({
      state,
      ...this.#counts,
      openedAt: this.#openedAt,
      ...(state === 'open' ? { nextProbeAt: Math.ceil(this.clock.now() + waitMs) } : {}),
    });
  }

  /** Ends it: no timer is left, every call is let through, and none counts. */
  [Symbol.dispose](): void {
    this.#state = 'closed';
    this.#period += 1;
    this.#probe = undefined;
    this.#clearTimer();
    this.#errors.judge.end();
    this.#slowness?.judge.end();
  }

  #rule(thresholdRatio: number, reason: StateChangeReason): Rule {
    const { volumeThreshold, windowMs } = this.options;
    const judge = new Judge({ thresholdRatio, volumeThreshold, windowMs }, this.#rotation, {
      // A connection that fails among others that do not is for the pool to find.
      mayOpen: () => this.#state !== 'closed' || !rule.members.isOneMembers(thresholdRatio),
      onOpen: () => this.#open(this.#state === 'closed' ? reason : this.#probeReason),
      onClose: () => this.#close(),
    });
    const rule: Rule = { judge, members: new MemberCalls() };
    this.#rotation.on('rotate', () => rule.members.rotate());
    return rule;
  }

  #beginClosed(): void {
    this.#rotatedMs = this.clock.elapsed();
    for (const rule of [this.#errors, this.#slowness]) {
      if (rule === undefined) continue;
      rule.members = new MemberCalls();
      rule.judge.begin('closed');
    }
  }

  #restore({ state, calls, failures, errorRatio, slowRatio, openedAt, nextProbeAt }: BreakerState): void {
    const nowMs = this.clock.now();
    this.#counts = { calls, failures, errorRatio, ...(slowRatio === undefined ? {} : { slowRatio }) };
    this.#openedAt = openedAt ?? nowMs;
    // Whatever the clock was then, or the options were: no longer than from anew.
    const waitMs = Math.min(Math.max(0, (nextProbeAt ?? 0) - nowMs), this.options.resetTimeoutMs);
    this.#nextProbeMs = this.clock.elapsed() + waitMs;
    if (state === 'open' && waitMs > 0) {
      this.#state = 'open';
      this.#timer = this.clock.setTimer(() => this.#halfOpen(), waitMs);
    } else {
      this.#state = 'half-open';
      this.#errors.judge.begin('half-open');
    }
  }

  /** It is closed, and the call was let through since it is. */
  #isCounted(call: JudgedCall): boolean {
    return this.#state === 'closed' && call.period === this.#period;
  }

  #count(): Counts {
    this.#rotate();
    const [errors, slowness] = [this.#errors.judge, this.#slowness?.judge];
    const [calls, failures] = [errors.calls, errors.badCalls];
    return {
      calls,
      failures,
      errorRatio: ratio(failures, calls),
      ...(slowness === undefined ? {} : { slowRatio: ratio(slowness.badCalls, slowness.calls) }),
    };
  }

  #open(reason: StateChangeReason): void {
    if (this.#state === 'closed') this.#counts = this.#count();
    this.#errors.judge.end();
    this.#slowness?.judge.end();
    const { resetTimeoutMs } = this.options;
    this.#openedAt = this.clock.now();
    this.#nextProbeMs = this.clock.elapsed() + resetTimeoutMs;
    this.#timer = this.clock.setTimer(() => this.#halfOpen(), resetTimeoutMs);
    this.#enter('open', reason);
  }

  #halfOpen(): void {
    this.#timer = undefined;
    this.#errors.judge.begin('half-open');
    this.#enter('half-open', 'reset-timeout');
  }

  #close(): void {
    // On what was before, one failure would open it again.
    this.#beginClosed();
    this.#enter('closed', 'probe-answered');
  }

  #enter(to: CircuitState, reason: StateChangeReason): void {
    const from = this.#state;
    this.#state = to;
    this.#period += 1;
    this.onChange(this, { key: this.key, from, to, reason, errorRatio: this.#counts.errorRatio });
  }

  #settleProbe(probe: JudgedCall, judgement: CallJudgement): void {
    this.#probe = undefined;
    this.#clearTimer();
    // No answer: the next call is the probe.
    if (judgement === 'ignored') return;
    this.#probeReason = 'probe-failed';
    this.#errors.judge.record(judgement === 'failed' || probe.isSlow);
  }

  #endProbeTime(probe: JudgedCall): void {
    if (probe.isAnswered) return this.#settleProbe(probe, 'ok');
    this.#probe = undefined;
    this.#timer = undefined;
    this.#probeReason = 'probe-timeout';
    this.#errors.judge.record(true);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Lets the window move on by as many parts as have passed since somebody looked. */
  #rotate(): void {
    const bucketMs = this.options.windowMs / BUCKETS;
    const passed = Math.floor((this.clock.elapsed() - this.#rotatedMs) / bucketMs);
    if (passed < 1) return;
    this.#rotatedMs += passed * bucketMs;
    for (let part = Math.min(passed, BUCKETS); part > 0; part -= 1) this.#rotation.emit('rotate');
  }
}

function ratio(part: number, of: number): number {
  return of === 0 ? 0 : part / of;
}
