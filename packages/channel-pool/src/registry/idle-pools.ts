import type { RegisteredPool } from './registered-pool.js';

/** A pool of a registry, and how many use it. */
export interface PoolEntry {
  /** While it is lent, those to whom it is lent hold it, and no one else: what they forget can be collected. */
  readonly pool: WeakRef<RegisteredPool>;
  /** It itself while nobody has a lease of it. */
  kept: RegisteredPool | undefined;
  readonly target: string;
  readonly key: unknown;
  /** The bounds that it is under while it is idle: those of all pools, and those of its target. */
  readonly bounds: readonly IdlePools[];
  leases: number;
  /** On the clock's `elapsed()`, when its last lease was given back. */
  idleSinceMs: number;
}

/**
 * Pools without a lease, the longest idle first, and how many connections they have together with those that are being
 * closed. Closing takes a round trip, so that a bound can be overstepped when leases are given back; while it is, no
 * connection is opened.
 */
export class IdlePools {
  readonly #entries = new Map<PoolEntry, number>();
  #channels = 0;
  /** Connections of closed pools whose sockets are still open. */
  closingChannels = 0;
  /** Connections that are to be opened as soon as there is a place for them. */
  waitingOpenings = 0;

  /** @param maxChannels connections that are kept for nobody. */
  constructor(private readonly maxChannels: number) {}

  /** True when pools have to be closed. */
  get isFull(): boolean {
    return this.#channels > this.maxChannels;
  }

  /**
   * True when the next connection may be opened: the sockets will not be more than `maxChannels` and those that leases
   * have or wait for.
   */
  get hasPlace(): boolean {
    return this.#channels + this.closingChannels - this.maxChannels < this.waitingOpenings;
  }

  /** The one that has been idle longest. */
  get oldest(): PoolEntry | undefined {
    for (const entry of this.#entries.keys()) return entry;
    return undefined;
  }

  has(entry: PoolEntry): boolean {
    return this.#entries.has(entry);
  }

  /** Counts a pool for so many connections; one that is there already keeps its place in the order. */
  set(entry: PoolEntry, channels: number): void {
    this.#channels += channels - (this.#entries.get(entry) ?? 0);
    this.#entries.set(entry, channels);
  }

  delete(entry: PoolEntry): void {
    this.#channels -= this.#entries.get(entry) ?? 0;
    this.#entries.delete(entry);
  }

  [Symbol.iterator](): IterableIterator<PoolEntry> {
    return this.#entries.keys();
  }
}
