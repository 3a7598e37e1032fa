import type { RegisteredPool } from './registered-pool.js';

/** A pool of a registry, and how many use it. */
export interface PoolEntry {
  readonly pool: RegisteredPool;
  readonly target: string;
  readonly key: unknown;
  leases: number;
  /** On the clock's `elapsed()`, when its last lease was given back. */
  idleSinceMs: number;
  /** Connections that it counts for while it is idle. */
  idleChannels: number;
}

/** Pools without a lease, the longest idle first, and how many connections they count for. */
export class IdlePools {
  readonly #entries = new Set<PoolEntry>();
  #channels = 0;

  get channels(): number {
    return this.#channels;
  }

  /** The one that has been idle longest. */
  get oldest(): PoolEntry | undefined {
    for (const entry of this.#entries) return entry;
    return undefined;
  }

  add(entry: PoolEntry): void {
    this.#entries.add(entry);
    this.#channels += entry.idleChannels;
  }

  delete(entry: PoolEntry): void {
    if (this.#entries.delete(entry)) this.#channels -= entry.idleChannels;
  }

  [Symbol.iterator](): IterableIterator<PoolEntry> {
    return this.#entries.values();
  }
}
