import type { StatusObject } from '@grpc/grpc-js';
import type { CallExplanation, CallInfo } from '@grpc-manifold/core';
import { Emitter, OnceWarnings, type Clock } from '@grpc-manifold/core/internal';
import { Breaker, type BreakerStateChange } from './breaker.js';
import {
  resolveCircuitBreakerOptions,
  type CircuitBreakerOptions,
  type ResolvedCircuitBreakerOptions,
} from './options.js';
import type { BreakerStates } from './states.js';
import { isFailureByDefault, judgeCall, type CallJudgement } from './call-judgement.js';

/** The circuits of one interceptor, so many of them at the most. */
export class Breakers implements Disposable {
  readonly onStateChange = new Emitter<BreakerStateChange>();
  readonly options: ResolvedCircuitBreakerOptions;
  /** Those that may be forgotten; the one that was asked for longest ago is the first. */
  readonly #closed = new Map<string, Breaker>();
  readonly #others = new Map<string, Breaker>();
  #newest: Breaker | undefined;
  #isDisposed = false;
  readonly #warnings = new OnceWarnings();

  constructor(
    options: CircuitBreakerOptions | undefined,
    readonly clock: Clock,
  ) {
    this.options = resolveCircuitBreakerOptions(options);
    for (const [key, state] of Object.entries(this.options.restore)) {
      if (state.state === 'closed') continue;
      if (this.#others.size >= this.options.maxKeys) {
        this.#warnOnce(
          'restore',
          `restore has more than maxKeys (${this.options.maxKeys}) keys; the others are left out`,
        );
        break;
      }
      this.#others.set(key, new Breaker(key, this.options, this.clock, this.#moved, state));
    }
  }

  /** True where keys are made by a function of the call. */
  get asksForInfo(): boolean {
    return this.options.key !== undefined;
  }

  /** Finds the circuit of a call by its method. Undefined where the call is not to be judged. */
  ofMethod(method: string): Breaker | undefined {
    return this.#of(method);
  }

  /** Finds the circuit of a call by what the user's function makes of it. Undefined where it is not to be judged. */
  ofCall(call: CallInfo): Breaker | undefined {
    return this.#of(this.#keyOf(call));
  }

  /** Judges the end of a call. */
  judgeCall(ending: StatusObject, explanation: CallExplanation | undefined): CallJudgement {
    try {
      return judgeCall(ending, explanation, this.options.isFailure);
    } catch (error) {
      this.#warnOnce('isFailure', `isFailure threw, and its default is used: ${String(error)}`);
      return judgeCall(ending, explanation, isFailureByDefault);
    }
  }

  states(): BreakerStates {
    const all = [...this.#others.values(), ...this.#closed.values()];
    return Object.freeze(Object.fromEntries(all.map((breaker) => [breaker.key, breaker.snapshot()])));
  }

  /** Ends them all. From then on calls are let through, and not judged. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const breakers of [this.#closed, this.#others]) {
      for (const breaker of breakers.values()) breaker[Symbol.dispose]();
      breakers.clear();
    }
    this.#newest = undefined;
  }

  #of(key: string): Breaker | undefined {
    const newest = this.#newest;
    if (newest?.key === key) return newest;
    const breaker = this.#others.get(key) ?? this.#touch(key) ?? this.#add(key);
    if (breaker !== undefined) this.#newest = breaker;
    return breaker;
  }

  #touch(key: string): Breaker | undefined {
    const breaker = this.#closed.get(key);
    if (breaker === undefined) return undefined;
    this.#closed.delete(key);
    this.#closed.set(key, breaker);
    return breaker;
  }

  #add(key: string): Breaker | undefined {
    if (this.#isDisposed) return undefined;
    if (this.#closed.size + this.#others.size >= this.options.maxKeys && !this.#forgetOldest()) {
      this.#warnOnce(
        'keys',
        `none of its ${this.options.maxKeys} circuits is closed; calls of further keys are not judged`,
      );
      return undefined;
    }
    const breaker = new Breaker(key, this.options, this.clock, this.#moved);
    this.#closed.set(key, breaker);
    return breaker;
  }

  #forgetOldest(): boolean {
    const [oldest] = this.#closed.values();
    if (oldest === undefined) return false;
    this.#closed.delete(oldest.key);
    oldest[Symbol.dispose]();
    return true;
  }

  readonly #moved = (breaker: Breaker, change: BreakerStateChange): void => {
    const { key } = breaker;
    const [from, to] = change.to === 'closed' ? [this.#others, this.#closed] : [this.#closed, this.#others];
    from.delete(key);
    to.set(key, breaker);
    if (this.onStateChange.hasListeners) this.onStateChange.emit(change);
  };

  #keyOf(call: CallInfo): string {
    try {
      const key: unknown = this.options.key?.(call);
      if (typeof key === 'string') return key;
      this.#warnOnce('key', `key gave no string, and the method is used: ${String(key)}`);
    } catch (error) {
      this.#warnOnce('key', `key threw, and the method is used: ${String(error)}`);
    }
    return call.method;
  }

  #warnOnce(what: string, message: string): void {
    this.#warnings.warn(what, `circuitBreaker: ${message}`);
  }
}
