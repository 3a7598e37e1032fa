import { seededRandom } from '@grpc-manifold/testing';

/** Chance with a seed, in the forms that a soak needs. */
export class Draw {
  readonly #random: ReturnType<typeof seededRandom>;

  /** @param seed the same gives the same draws. */
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A number from `min` to below `max`. */
  between(min: number, max: number): number {
    return min + this.#random.next() * (max - min);
  }

  /** A whole number from `min` to `max`. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** True that often. @param ratio 0 to 1. */
  chance(ratio: number): boolean {
    return this.#random.next() < ratio;
  }

  /** One of them; undefined when there is none. */
  oneOf<Item>(items: readonly [Item, ...Item[]]): Item;
  oneOf<Item>(items: readonly Item[]): Item | undefined;
  oneOf<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random.next() * items.length)];
  }

  /** One of the keys, each as often as its weight says. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    let left = this.#random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return (entries.at(-1) as [Key, number])[0];
  }
}
