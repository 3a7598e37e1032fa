import { SHARE_TOLERANCE } from './options.js';
import { Partition } from './partition.js';

/** Keys without a share of their own that are told apart at a time; further ones are counted as one. */
export const MAX_UNNAMED_KEYS = 1_000;

/** The partitions of which anything waits or is in flight, by key. */
export class Partitions<T> {
  readonly #live = new Map<string, Partition<T>>();
  readonly #common = new Partition<T>('(others)', 1);
  #shares = new Map<string, number>();
  #unnamedWeight = 1;
  #unnamedKeys = 0;

  constructor(shares: Readonly<Record<string, number>> | undefined) {
    this.reweigh(shares);
  }

  /** How many keys are told apart. */
  get size(): number {
    return this.#live.size;
  }

  /** The partition of a key. It is not known before something {@link enter}s. */
  of(key: string): Partition<T> {
    const live = this.#live.get(key);
    if (live !== undefined) return live;
    if (this.#isOneTooMany(key)) return this.#common;
    return new Partition<T>(key, this.#weightOf(key));
  }

  /** The same as {@link of}, for one that was asked for before and may have become known, or one too many, since. */
  current(partition: Partition<T>): Partition<T> {
    if (partition.held > 0 || partition === this.#common) return partition;
    return this.#live.get(partition.key) ?? (this.#isOneTooMany(partition.key) ? this.#common : partition);
  }

  /** One more thing is counted. Returns what it is counted under: the {@link current} one. */
  enter(partition: Partition<T>): Partition<T> {
    const entered = this.current(partition);
    if (entered.held === 0 && entered !== this.#common) this.#remember(entered);
    entered.held += 1;
    return entered;
  }

  /** One thing less is counted. A thing that was entered elsewhere is counted out there and here alike. */
  leave(partition: Partition<T>): void {
    partition.held -= 1;
    if (partition.held > 0 || this.#live.get(partition.key) !== partition) return;
    this.#live.delete(partition.key);
    if (!partition.hasShare) this.#unnamedKeys -= 1;
  }

  /** Changes the shares. What is in flight stays counted. */
  reweigh(shares: Readonly<Record<string, number>> | undefined): void {
    this.#shares = new Map(Object.entries(shares ?? {}));
    this.#unnamedWeight = unnamedWeight([...this.#shares.values()]);
    this.#common.weight = this.#unnamedWeight;
    this.#unnamedKeys = 0;
    for (const partition of this.#live.values()) this.#weigh(partition);
  }

  #isOneTooMany(key: string): boolean {
    return this.#unnamedKeys >= MAX_UNNAMED_KEYS && !this.#shares.has(key);
  }

  #remember(partition: Partition<T>): void {
    this.#live.set(partition.key, partition);
    partition.turns = 0;
    this.#weigh(partition);
  }

  #weigh(partition: Partition<T>): void {
    partition.hasShare = this.#shares.has(partition.key);
    partition.weight = this.#weightOf(partition.key);
    if (!partition.hasShare) this.#unnamedKeys += 1;
  }

  #weightOf(key: string): number {
    return this.#shares.get(key) ?? this.#unnamedWeight;
  }
}

/** What the named shares leave over, or the smallest of them where that is nothing: no key goes without. */
function unnamedWeight(shares: readonly number[]): number {
  const left = 1 - shares.reduce((sum, share) => sum + share, 0);
  // 1 - 0.8 is to weigh as much as 0.2.
  return left > SHARE_TOLERANCE ? Math.round(left * 1e9) / 1e9 : Math.min(...shares);
}
