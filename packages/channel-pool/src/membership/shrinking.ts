import type { Clock, Timer } from '@grpc-manifold/core/internal';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { Draining } from './draining.js';
import type { Roster } from './roster.js';
import { neededChannels, type ScaleDecision } from './scaling.js';

/** The pool that shrinks. */
export interface ShrinkingPool {
  options(): ResolvedChannelPoolOptions;
  /** Connections that are kept at least. */
  minChannels(): number;
  /** Calls that wait for a connection now. */
  queuedCalls(): number;
  /** The most calls, in flight and waiting, that there were at once since this was asked for last. */
  takePeak(): number;
  /** Carries out an operation: listeners are told when it is over. */
  during<T>(operation: () => T): T;
  onScale(decision: ScaleDecision): void;
}

/** Drains the members that a pool does not need, and undrains them when it does. */
export class Shrinking {
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    private readonly roster: Roster,
    private readonly draining: Draining,
    private readonly clock: Clock,
    private readonly pool: ShrinkingPool,
  ) {}

  /** Watches where more members are there than are kept. */
  watchWhereTooMany(): void {
    if (this.roster.live > this.pool.minChannels()) this.watch();
  }

  /** Looks after `shrinkAfterMs` how many members were enough, and again as long as more are there than are kept. */
  watch(): void {
    const { shrinkAfterMs } = this.pool.options();
    if (this.#timer !== undefined || this.#isClosed || shrinkAfterMs === Infinity) return;
    this.pool.takePeak();
    this.#timer = this.clock.setTimer(() => {
      this.#timer = undefined;
      this.pool.during(() => this.#shrink());
      this.watchWhereTooMany();
    }, shrinkAfterMs);
  }

  /** After the maximum was lowered. What may not drain yet follows when another has drained. */
  keepMaximum(): void {
    if (this.#isClosed) return;
    const { maxChannels } = this.pool.options();
    const surplus = this.#surplus(this.roster.live - maxChannels);
    if (surplus.length > 0) this.pool.during(() => drainAll(surplus, `maxChannels is ${maxChannels}`));
  }

  /** Nobody has used the pool for so long: drains what need not be kept. */
  rest(idleMs: number): void {
    const from = this.roster.live;
    const surplus = this.#surplus(from - this.pool.minChannels());
    if (surplus.length === 0) return;
    const reason = `no call for ${Math.round(idleMs)} ms (grpc.client_idle_timeout_ms)`;
    this.pool.onScale({
      action: 'shrink',
      from,
      to: from - surplus.length,
      reason,
      usedStreams: 0,
      capacity: this.roster.capacity,
      queuedCalls: 0,
      peakStreams: 0,
    });
    drainAll(surplus, reason);
  }

  /** Takes a draining member back instead of opening a connection: it is as good, and there at once. */
  undrain(reason: string): boolean {
    for (const member of this.roster.open) {
      const isGood = !member.isLowOnResets && member.vitals.ejection === undefined;
      if (member.state === 'draining' && isGood && member.undrain(reason)) return true;
    }
    return false;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
  }

  #shrink(): void {
    const { growAtRatio, maxChannels, shrinkAfterMs } = this.pool.options();
    const minChannels = this.pool.minChannels();
    const { live: from, streamCapacity: capacity } = this.roster;
    const peakStreams = this.pool.takePeak();
    const needed = neededChannels({ minChannels, growAtRatio, liveChannels: from, capacity, peakStreams });
    const surplus = this.#surplus(from - Math.min(needed, maxChannels));
    const to = from - surplus.length;
    const reason = `at most ${peakStreams} calls at once in ${shrinkAfterMs} ms (shrinkAfterMs)`;
    this.pool.onScale({
      action: to < from ? 'shrink' : 'keep',
      from,
      to,
      reason,
      usedStreams: this.roster.usedStreams,
      capacity,
      queuedCalls: this.pool.queuedCalls(),
      peakStreams,
    });
    drainAll(surplus, reason);
  }

  /**
   * The members that are drained, the ejected and those with the fewest calls first. Without calls they close at once.
   * With calls they drain, and never more than may drain.
   */
  #surplus(count: number): PooledChannel[] {
    if (count <= 0) return [];
    let { slots } = this.draining;
    return [...this.roster.open]
      .filter((member) => member.isLive)
      .sort((one, other) => costOf(one) - costOf(other))
      .slice(0, count)
      .filter((member) => member.inFlightCalls === 0 || slots-- > 0);
  }
}

function drainAll(members: readonly PooledChannel[], reason: string): void {
  for (const member of members) member.drain(reason);
}

/** The less a member costs, the sooner it is drained. */
function costOf(member: PooledChannel): number {
  return member.isEjected ? -1 : member.inFlightCalls;
}
