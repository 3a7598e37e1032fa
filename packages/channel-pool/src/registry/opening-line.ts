import type { PoolEntry } from './idle-pools.js';

/**
 * Pools that wait to open a connection until there is a place for its socket, in the order in which they came. A pool
 * opens one connection at a time, so that it waits for one at the most.
 */
export class OpeningLine {
  readonly #waiting = new Map<PoolEntry, (hasPlace: boolean) => void>();

  /** Returns nothing when the pool may open its connection now, else a promise of whether it then may. */
  join(entry: PoolEntry): Promise<boolean> | undefined {
    let settle: (hasPlace: boolean) => void = () => undefined;
    for (const idle of entry.bounds) idle.waitingOpenings += 1;
    this.#waiting.set(entry, (hasPlace) => settle(hasPlace));
    this.advance();
    if (!this.#waiting.has(entry)) return undefined;
    return new Promise((resolve) => (settle = resolve));
  }

  /** Lets a pool wait no longer, and have no place. */
  leave(entry: PoolEntry): void {
    this.#settle(entry, false);
  }

  /** Lets those proceed for whom there is a place. */
  advance(): void {
    for (const entry of this.#waiting.keys()) {
      if (entry.bounds.every((idle) => idle.hasPlace)) this.#settle(entry, true);
    }
  }

  #settle(entry: PoolEntry, hasPlace: boolean): void {
    const settle = this.#waiting.get(entry);
    if (settle === undefined) return;
    this.#waiting.delete(entry);
    for (const idle of entry.bounds) idle.waitingOpenings -= 1;
    settle(hasPlace);
  }
}
