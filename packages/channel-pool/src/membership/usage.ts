import type { Clock } from '@grpc-manifold/core/internal';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import { IdleWatch, idleTimeoutOf } from '../watches/idle-watch.js';
import type { Roster } from './roster.js';

/** The pool whose use is watched. */
export interface UsedPool {
  options(): ResolvedChannelPoolOptions;
  /** True when a call or a watcher of the pool's state waits for a connection. */
  isAwaited(): boolean;
  /** Nobody has used the pool for `idleMs` milliseconds: it may close what need not be kept. */
  onIdle(idleMs: number): void;
}

/** Whether a pool is in use, and how many connections it keeps for that. */
export class Usage {
  readonly #idleWatch: IdleWatch;
  /** Who waits for how many connections to be warm. */
  readonly #warming = new Map<object, number>();
  #isUsed = false;
  #isRequested = false;
  /** When a member that is closed by now was used last, or somebody requested a connection. */
  #lastUsedMs = 0;

  constructor(
    private readonly roster: Roster,
    private readonly clock: Clock,
    private readonly pool: UsedPool,
  ) {
    this.#idleWatch = new IdleWatch(clock, idleTimeoutOf(pool.options().channelOptions), {
      isInUse: () => this.isInUse,
      lastUsedMs: () => this.#lastUse(),
      onIdle: (idleMs) => pool.onIdle(idleMs),
    });
  }

  /** True while a call runs or waits, or somebody waits for a connection. */
  get isInUse(): boolean {
    if (this.isAwaited) return true;
    for (const { inFlightCalls } of this.roster.open) if (inFlightCalls > 0) return true;
    return false;
  }

  get isAwaited(): boolean {
    return this.#warming.size > 0 || this.pool.isAwaited();
  }

  /** True when somebody requested a connection and there is none. */
  get isRequested(): boolean {
    return this.#isRequested && this.roster.live === 0;
  }

  /** Connections that are kept: `minChannels` while the pool is in use, and after that where the user has set it. */
  get minChannels(): number {
    return this.#isUsed ? this.pool.options().minChannels : 0;
  }

  /** The same, and those that are being warmed up. */
  get minToOpen(): number {
    const { minChannels } = this;
    return this.#warming.size === 0 ? minChannels : Math.max(minChannels, ...this.#warming.values());
  }

  /** A call goes to a member. Cheap: it is called for each. */
  use(): void {
    this.#isUsed = true;
    this.#idleWatch.watch();
  }

  /**
   * Somebody requests a connection. That is remembered until there is one: what idles since is not opened again for it.
   */
  request(): void {
    this.use();
    this.#lastUsedMs = this.clock.elapsed();
    if (this.roster.live === 0) this.#isRequested = true;
  }

  /** A connection is there, or begins to be opened. */
  requestMet(): void {
    this.#isRequested = false;
  }

  /** Nobody uses the pool any more: `minChannels` are kept only where the user has set them. */
  forget(): void {
    if (!this.pool.options().keepsMinChannels) this.#isUsed = this.#isRequested = false;
  }

  /** Somebody waits for so many connections. */
  warm(who: object, channels: number): void {
    this.#warming.set(who, channels);
  }

  stopWarming(who: object): void {
    this.#warming.delete(who);
  }

  /** The bounds have changed. */
  changed(): void {
    if (this.roster.open.size > 0) this.#idleWatch.watch();
  }

  /** A member has closed. */
  closed(lastCallMs: number): void {
    this.#lastUsedMs = Math.max(this.#lastUsedMs, lastCallMs);
    if (this.roster.open.size === 0 && !this.#isUsed) this.#idleWatch.stop();
  }

  close(): void {
    this.#idleWatch.close();
  }

  /** When a call ended last, or somebody requested a connection. */
  #lastUse(): number {
    let lastMs = this.#lastUsedMs;
    for (const { lastCallMs } of this.roster.open) lastMs = Math.max(lastMs, lastCallMs);
    return lastMs;
  }
}
