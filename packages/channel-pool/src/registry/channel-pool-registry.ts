import { inspect } from 'node:util';
import { ChannelCredentials } from '@grpc/grpc-js';
import { systemClock, warn, type Timer } from '@grpc-manifold/core/internal';
import type { ChannelPool } from '../channel-pool.js';
import { IdlePools, type PoolEntry } from './idle-pools.js';
import { OpeningLine } from './opening-line.js';
import type { ChannelPoolEnvironment } from '../pool-environment.js';
import { RegisteredPool } from './registered-pool.js';
import {
  resolveRegistryOptions,
  type ChannelPoolRegistryOptions,
  type ResolvedRegistryOptions,
} from './registry-options.js';

/** The right to use a pool until it is disposed; disposing it again does nothing. */
export interface PoolLease extends Disposable {
  /** Shared with all leases of the same target and credentials: it cannot be closed through a lease. */
  readonly pool: ChannelPool;
}

/** A registry, as it is now. A frozen snapshot. */
export interface ChannelPoolRegistryStats {
  /** Pools that can be had, with a lease or without. */
  readonly pools: number;
  readonly leases: number;
  /** Connections of all pools, those included that are being closed. */
  readonly channels: number;
  /** Connections of the pools without a lease, as they are now. */
  readonly idleChannels: number;
}

/** The pools of one target. */
interface TargetPools {
  readonly byKey: Map<unknown, PoolEntry>;
  readonly idle: IdlePools;
}

/** Where what works inside a pool finds its entry. */
interface EntryPlace {
  entry: WeakRef<PoolEntry> | undefined;
}

/** Tells the registries of pools that were collected. */
const collected = new FinalizationRegistry<() => void>((tell) => tell());

/** A pool that is being closed. */
interface ClosingPool {
  readonly done: Promise<void>;
  /** Connections that it is known to have until then. */
  readonly channels: number;
}

/**
 * Shares pools among all who call the same target with the same credentials, so that a client costs no connection of
 * its own. A pool lives while somebody has a lease of it, and for a while after: those without one are closed after
 * `idleTimeoutMs`, and beyond the bounds the longest idle first. Closing lets calls finish that are still running.
 */
export class ChannelPoolRegistry implements AsyncDisposable {
  readonly #options: ResolvedRegistryOptions;
  readonly #clock: typeof systemClock;
  readonly #targets = new Map<string, TargetPools>();
  readonly #idle: IdlePools;
  readonly #closing = new Map<RegisteredPool, ClosingPool>();
  readonly #openings = new OpeningLine();
  #pools = 0;
  #leases = 0;
  #timer: Timer | undefined;
  #disposed: Promise<void> | undefined;

  /** @throws TypeError, RangeError naming the option, its range and the value. */
  constructor(
    options?: ChannelPoolRegistryOptions,
    private readonly environment: ChannelPoolEnvironment = {},
  ) {
    this.#options = resolveRegistryOptions(options);
    this.#clock = environment.clock ?? systemClock;
    this.#idle = new IdlePools(this.#options.maxIdleChannels);
  }

  /**
   * Lends the pool of a target, made if there is none.
   *
   * @param credentialsKey names credentials that are equal, whatever object they are: pools of one key are one, with
   * the credentials that were given first. Without it the object itself is the key: grpc-js has no way to compare two.
   * @throws TypeError for an argument of the wrong type; Error when the registry is disposed; what grpc-js throws for a
   * wrong target.
   */
  acquire(target: string, credentials: ChannelCredentials, credentialsKey?: string): PoolLease {
    if (this.#disposed !== undefined) {
      throw new Error(`ChannelPoolRegistry: it is disposed and lends no pool for ${inspect(target)}`);
    }
    checkArguments(target, credentials, credentialsKey);
    const found = this.#find(target, credentialsKey ?? credentials);
    const lent = found?.pool.deref();
    // It was collected just now, and nobody has said so yet.
    if (found !== undefined && lent === undefined) this.#collected(found);
    const [entry, pool] =
      found !== undefined && lent !== undefined ? [found, lent] : this.#create(target, credentials, credentialsKey);
    if (entry.leases === 0) {
      this.#wake(entry);
      this.#openings.advance();
    }
    entry.leases += 1;
    this.#leases += 1;
    let held = true;
    return Object.freeze({
      pool,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#release(entry, pool);
      },
    });
  }

  /** Closes all pools without a lease now. */
  closeIdle(): void {
    for (const entry of [...this.#idle]) this.#close(entry);
  }

  /** Tells how many there are of what. */
  stats(): ChannelPoolRegistryStats {
    let channels = 0;
    let idleChannels = 0;
    for (const { byKey } of this.#targets.values()) {
      for (const { pool: ref, leases } of byKey.values()) {
        const pool = ref.deref();
        const count = pool === undefined ? 0 : channelsOf(pool);
        channels += count;
        if (leases === 0) idleChannels += count;
      }
    }
    for (const [pool, closing] of this.#closing) channels += Math.max(channelsOf(pool), closing.channels);
    return Object.freeze({ pools: this.#pools, leases: this.#leases, channels, idleChannels });
  }

  /**
   * Closes every pool, as its `onDispose` says, whether it is lent or not. Resolves when no socket is open. Leases may
   * be disposed afterwards.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#closeAll();
    return this.#disposed;
  }

  /**
   * Leads to none of them: what works inside a pool must not lead to the registry, which keeps the pools that are idle.
   */
  static #telling(
    registry: WeakRef<ChannelPoolRegistry>,
    place: EntryPlace,
    tell: (registry: ChannelPoolRegistry, entry: PoolEntry) => void,
  ): () => void {
    return () => {
      const [living, entry] = [registry.deref(), place.entry?.deref()];
      if (living !== undefined && entry !== undefined) tell(living, entry);
    };
  }

  #find(target: string, key: unknown): PoolEntry | undefined {
    return this.#targets.get(target)?.byKey.get(key);
  }

  #create(
    target: string,
    credentials: ChannelCredentials,
    credentialsKey: string | undefined,
  ): readonly [PoolEntry, RegisteredPool] {
    const place: EntryPlace = { entry: undefined };
    const pool = new RegisteredPool(target, credentials, this.#options.pool, {
      ...this.environment,
      beforeOpening: joining(this.#openings, place),
      onGrowth: ChannelPoolRegistry.#telling(new WeakRef(this), place, (registry, entry) => registry.#onGrowth(entry)),
    });
    const key = credentialsKey ?? credentials;
    const siblings = this.#targets.get(target) ?? {
      byKey: new Map(),
      idle: new IdlePools(this.#options.maxIdleChannelsPerTarget),
    };
    const entry: PoolEntry = {
      pool: new WeakRef(pool),
      kept: undefined,
      target,
      key,
      bounds: [siblings.idle, this.#idle],
      leases: 0,
      idleSinceMs: 0,
    };
    place.entry = new WeakRef(entry);
    collected.register(
      pool,
      ChannelPoolRegistry.#telling(new WeakRef(this), place, (registry, entry) => registry.#collected(entry)),
    );
    this.#targets.set(target, siblings);
    siblings.byKey.set(key, entry);
    this.#pools += 1;
    return [entry, pool];
  }

  #release(entry: PoolEntry, pool: RegisteredPool): void {
    this.#leases -= 1;
    entry.leases -= 1;
    if (entry.leases > 0 || this.#disposed !== undefined) return;
    entry.idleSinceMs = this.#clock.elapsed();
    entry.kept = pool;
    if (!hasCalls(pool)) this.#openings.leave(entry);
    for (const idle of entry.bounds) idle.set(entry, Math.max(channelsOf(pool), 1));
    this.#trim(entry);
    this.#arm();
  }

  /** A pool is about to open a connection. One without a lease may, when calls are still running on it. */
  #onGrowth(entry: PoolEntry): void {
    if (!this.#idle.has(entry) || this.#disposed !== undefined) return;
    const pool = entry.pool.deref();
    if (pool === undefined) return;
    for (const idle of entry.bounds) idle.set(entry, channelsOf(pool) + 1);
    this.#trim(entry);
  }

  #wake(entry: PoolEntry): void {
    entry.kept = undefined;
    for (const idle of entry.bounds) idle.delete(entry);
    if (this.#idle.oldest === undefined) this.#disarm();
  }

  /** Those to whom a pool was lent have forgotten it without disposing their leases, and it was collected. */
  #collected(entry: PoolEntry): void {
    const siblings = this.#targets.get(entry.target);
    if (siblings?.byKey.get(entry.key) !== entry) return;
    siblings.byKey.delete(entry.key);
    this.#pools -= 1;
    this.#leases -= entry.leases;
    entry.leases = 0;
    this.#openings.leave(entry);
    this.#forget(entry.target);
  }

  /** Closes the longest idle first. */
  #trim({ bounds }: PoolEntry): void {
    for (const idle of bounds) while (idle.isFull) this.#close(idle.oldest as PoolEntry);
  }

  #close(entry: PoolEntry): void {
    const { kept: pool, target, bounds } = entry;
    this.#wake(entry);
    if (pool === undefined) return;
    const siblings = this.#targets.get(target) as TargetPools;
    siblings.byKey.delete(entry.key);
    this.#pools -= 1;
    // One with calls is in use until they have ended, however long that takes.
    const closing = hasCalls(pool) ? 0 : channelsOf(pool);
    for (const idle of bounds) idle.closingChannels += closing;
    const closed = pool.takeBack().drain();
    const settle = (): void => {
      for (const idle of bounds) idle.closingChannels -= closing;
      this.#forget(target);
      this.#openings.leave(entry);
      this.#openings.advance();
    };
    void closed.then(settle, settle);
    this.#track(pool, closed, closing);
  }

  /** A target of which nothing is left, not even a socket. */
  #forget(target: string): void {
    const siblings = this.#targets.get(target);
    if (siblings?.byKey.size === 0 && siblings.idle.closingChannels === 0) this.#targets.delete(target);
  }

  #track(pool: RegisteredPool, closed: Promise<unknown>, channels: number): void {
    const done = closed.then(
      () => void this.#closing.delete(pool),
      (error: unknown) => {
        this.#closing.delete(pool);
        warn(`ChannelPoolRegistry: a pool of ${pool.getTarget()} could not be closed: ${String(error)}`);
      },
    );
    this.#closing.set(pool, { done, channels });
  }

  async #closeAll(): Promise<void> {
    this.#disarm();
    const entries = [...this.#targets.values()].flatMap(({ byKey }) => [...byKey.values()]);
    const lent = entries.map(({ pool }) => pool.deref()).filter((pool) => pool !== undefined);
    // Those that are being closed already as well: what `onDispose` says may be quicker.
    for (const pool of [...this.#closing.keys(), ...lent]) {
      const channels = this.#closing.get(pool)?.channels ?? channelsOf(pool);
      this.#track(pool, pool.takeBack()[Symbol.asyncDispose](), channels);
    }
    this.#targets.clear();
    this.#pools = 0;
    await Promise.all([...this.#closing.values()].map(({ done }) => done));
  }

  /** One timer, for the pool that has been idle longest: all have the same time. */
  #arm(): void {
    const { oldest } = this.#idle;
    const { idleTimeoutMs } = this.#options;
    if (this.#timer !== undefined || oldest === undefined || idleTimeoutMs === Infinity) return;
    const delayMs = oldest.idleSinceMs + idleTimeoutMs - this.#clock.elapsed();
    this.#timer = this.#clock.setTimer(() => this.#expire(), delayMs);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const dueMs = this.#clock.elapsed() - this.#options.idleTimeoutMs;
    for (let entry = this.#idle.oldest; entry !== undefined && entry.idleSinceMs <= dueMs; entry = this.#idle.oldest) {
      this.#close(entry);
    }
    this.#arm();
  }
}

/**
 * A function of its own: what works inside a pool must not lead to the registry, which keeps the pools that are idle.
 */
function joining(openings: OpeningLine, place: EntryPlace): () => Promise<boolean> | undefined {
  return () => {
    const entry = place.entry?.deref();
    return entry === undefined ? undefined : openings.join(entry);
  };
}

function channelsOf(pool: ChannelPool): number {
  return pool.stats().channels.length;
}

function hasCalls(pool: ChannelPool): boolean {
  const { inFlightCalls, queuedCalls } = pool.stats();
  return inFlightCalls + queuedCalls > 0;
}

function checkArguments(target: unknown, credentials: unknown, credentialsKey: unknown): void {
  if (typeof target !== 'string') {
    throw new TypeError(`ChannelPoolRegistry: target must be a string, got ${inspect(target)}`);
  }
  if (!(credentials instanceof ChannelCredentials)) {
    throw new TypeError(
      'ChannelPoolRegistry: credentials must be ChannelCredentials, as grpc.credentials makes them, got ' +
        inspect(credentials, { depth: 0 }),
    );
  }
  if (credentialsKey !== undefined && typeof credentialsKey !== 'string') {
    throw new TypeError(
      `ChannelPoolRegistry: credentialsKey must be a string, got ${inspect(credentialsKey, { depth: 0 })}`,
    );
  }
}
