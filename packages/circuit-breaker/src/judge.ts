import type { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';

/** Parts of the window; one at a time is forgotten. opossum's own number. */
export const BUCKETS = 10;
/** A judge opens from its threshold on, opossum beyond it: it is told of one so little below. */
const JUST_BELOW_PERCENT = 1e-6;
/** Calls between two clearings of what opossum keeps of each. */
const CLEARED_EVERY = 1_000;

/** When a judge opens. */
export interface JudgeRule {
  /** 0.01 to 1. */
  readonly thresholdRatio: number;
  readonly volumeThreshold: number;
  readonly windowMs: number;
}

/** Who acts on what a judge finds. */
export interface JudgeObserver {
  /** Asked before it opens. When this says no it stays closed, and keeps its window. */
  mayOpen(): boolean;
  /**
   * It is open, and to be ended: a circuit that is open has a timer of its own, while time is for the clock to tell.
   */
  onOpen(): void;
  /** The call that it was told of when half-open was good. */
  onClose(): void;
}

const NO_ARGUMENTS: readonly never[] = [];
const HALF_OPEN = { enabled: true, closed: false, halfOpen: true } as CircuitBreaker.State;
/** Thrown to opossum for a call that was bad; one for all, since nobody looks at it. */
const BAD = new Error('bad');

/** An action that throws is judged at once, where a promise would be judged after the caller's next call. */
function fail(): never {
  throw BAD;
}

/**
 * Judges by a rolling window of calls that have ended, good or bad: opossum, that is told at the end of each call what
 * came of it, and decides within that tick (docs/decisions/0015).
 */
export class Judge {
  #circuit: CircuitBreaker<[], never> | undefined;
  #recorded = 0;

  /**
   * @param rotation emits 'rotate' for each part of the window that has passed: without that opossum would set an
   * interval for each circuit.
   */
  constructor(
    private readonly rule: JudgeRule,
    private readonly rotation: EventEmitter,
    private readonly observer: JudgeObserver,
  ) {}

  /** Calls that are in the window. */
  get calls(): number {
    return this.#circuit?.stats.fires ?? 0;
  }

  /** How many of them were bad. */
  get badCalls(): number {
    return this.#circuit?.stats.failures ?? 0;
  }

  /** Begins with an empty window: closed, or half-open, where the first call decides. */
  begin(state: 'closed' | 'half-open'): void {
    this.end();
    const { thresholdRatio, volumeThreshold, windowMs } = this.rule;
    // An object of its own: opossum keeps and changes the one that it is given.
    const circuit = new CircuitBreaker<[], never>(fail, {
      timeout: false,
      errorThresholdPercentage: thresholdRatio * 100 - JUST_BELOW_PERCENT,
      volumeThreshold,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: BUCKETS,
      rotateBucketController: this.rotation,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      name: 'judge',
      ...(state === 'half-open' ? { state: HALF_OPEN } : {}),
    });
    this.#circuit = circuit;
    circuit.on('open', () => {
      if (circuit !== this.#circuit) return;
      if (this.observer.mayOpen()) this.observer.onOpen();
      else circuit.close();
    });
    if (state === 'half-open') circuit.once('close', () => this.observer.onClose());
  }

  /** A call has ended. Told while it is ended itself it forgets the call. */
  record(isBad: boolean): void {
    this.#recorded += 1;
    if (this.#recorded % CLEARED_EVERY === 0) this.#forgetLatencies();
    const circuit = this.#circuit;
    if (isBad) {
      circuit?.fire().catch(ignore);
    } else {
      // All that comes of firing it in the end: opossum counts by its events, and closes by them. Without its promises
      // and closures a call that was good, as nearly all are, costs a fraction.
      circuit?.emit('fire', NO_ARGUMENTS);
      circuit?.emit('success', undefined, 0);
    }
  }

  /** Leaves no timer and no listener; it judges nothing until it begins anew. */
  end(): void {
    const circuit = this.#circuit;
    this.#circuit = undefined;
    circuit?.shutdown();
  }

  /** opossum keeps a number for each call of the window, whether or not anybody wants percentiles. */
  #forgetLatencies(): void {
    for (const bucket of this.#circuit?.status.window ?? []) bucket.latencyTimes.length = 0;
  }
}

/** What a call came to is known. */
function ignore(): void {}
