import type { Clock, Timer } from '@grpc-manifold/core/internal';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import { Opener, type Purpose } from '../opening/opener.js';
import type { Roster } from './roster.js';
import type { Rotation } from './rotation.js';
import { growthReason, type Load, type ScaleDecision } from './scaling.js';
import type { Usage } from './usage.js';

/**
 * Milliseconds between two looks at the limits of full connections while calls wait: a server may raise one at any
 * time.
 */
const LIMIT_REVIEW_MS = 20;

/** The pool that grows. */
export interface GrowingPool {
  options(): ResolvedChannelPoolOptions;
  /** Calls that wait for a connection now. */
  queuedCalls(): number;
  /** False once the pool is closing: no member is replaced any more. */
  takesCalls(): boolean;
  /** True while the next attempt has to wait. */
  isBackingOff(): boolean;
  /** Asked before a connection is opened. Returns nothing when it may be, else a promise of whether it then may. */
  beforeOpening(): Promise<boolean> | undefined;
  /** Carries out an operation: listeners are told when it is over. */
  during<T>(operation: () => T): T;
  onScale(decision: ScaleDecision): void;
  /** Undrains a member, where one drains reversibly. */
  undrain(reason: string): boolean;
  /** Makes a member and has it connect; resolves when the attempt is over. */
  connect(isReplacement: boolean): Promise<void>;
  /** A review has found nothing to open. */
  onReviewed(): void;
  /** Limits may have changed. */
  onLimits(): void;
}

/** Decides when another connection is opened, and has it opened. */
export class Growth {
  readonly #opener: Opener;
  #limitTimer: Timer | undefined;
  #isClosed = false;

  constructor(
    private readonly roster: Roster,
    private readonly usage: Usage,
    private readonly rotation: Rotation,
    private readonly clock: Clock,
    private readonly pool: GrowingPool,
  ) {
    this.#opener = new Opener(clock, {
      reasonFor: (purpose) => this.#reasonFor(purpose),
      beforeOpening: () => pool.beforeOpening(),
      open: (purpose, reason) => pool.during(() => this.#open(purpose, reason)),
      onIdle: () => this.review(),
    });
  }

  /** Opens another connection when load or a rotation asks for it. Cheap when none does: it is called for each call. */
  review(): void {
    if (this.#isClosed || this.pool.isBackingOff() || this.#opener.isWaiting('growth')) return;
    if (this.#reasonFor('growth') !== undefined) this.#opener.request('growth');
    else if (this.#reasonFor('rotation') !== undefined) this.#opener.request('rotation');
    else if (!this.#opener.isBusy) this.pool.onReviewed();
  }

  /** Calls wait although connections are open: looks until there is room whether a server has raised its limit. */
  watchLimits(): void {
    if (this.#limitTimer !== undefined || this.#isClosed) return;
    this.#limitTimer = this.clock.setTimer(() => {
      this.#limitTimer = undefined;
      this.pool.onLimits();
    }, LIMIT_REVIEW_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#opener.close();
    if (this.#limitTimer !== undefined) this.clock.clearTimer(this.#limitTimer);
  }

  #reasonFor(purpose: Purpose): string | undefined {
    if (this.pool.isBackingOff()) return undefined;
    if (purpose === 'rotation') {
      return this.pool.takesCalls() ? this.rotation.reason(this.pool.options().maxChannels) : undefined;
    }
    if (growthReason(this.#load()) !== undefined) {
      // Nothing tells when a server has raised its limit: looks at each before it opens one more.
      this.roster.refreshAll();
      const reason = growthReason(this.#load());
      if (reason !== undefined) return reason;
    }
    return this.usage.isRequested ? 'a connection was asked for' : undefined;
  }

  #open(purpose: Purpose, reason: string): Promise<void> | undefined {
    const { usedStreams, capacity, queuedCalls, liveChannels: from } = this.#load();
    const isGrowth = purpose === 'growth';
    this.usage.requestMet();
    const [action, to] = isGrowth ? (['grow', from + 1] as const) : (['keep', from] as const);
    this.pool.onScale({ action, from, to, reason, usedStreams, capacity, queuedCalls, peakStreams: usedStreams });
    // A draining member may be low on resets, and have little more to give than the one that is to be replaced.
    if (isGrowth && this.pool.undrain('load returned')) return undefined;
    return this.pool.connect(!isGrowth);
  }

  /** What the number of connections is decided on. O(1). */
  #load(): Load {
    const { maxChannels, growAtRatio } = this.pool.options();
    return {
      minChannels: this.usage.minToOpen,
      maxChannels,
      growAtRatio,
      liveChannels: this.roster.live,
      usedStreams: this.roster.usedStreams,
      capacity: this.roster.capacity,
      queuedCalls: this.pool.queuedCalls(),
    };
  }
}
