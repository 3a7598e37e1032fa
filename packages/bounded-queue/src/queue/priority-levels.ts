import { LinkedList, type ListNode } from '@grpc-manifold/core/internal';

/** Those of one priority, in the order in which they came. */
export class Level<T> extends LinkedList<T> {
  constructor(readonly priority: number) {
    super();
  }
}

/** Lines by priority. A level costs a binary search to find; one lives while somebody stands in it. */
export class PriorityLevels<T> {
  /** From the lowest to the highest, so that the one served most is the cheapest to take away. */
  readonly #levels: Level<T>[] = [];

  /** The first of the highest priority. */
  get highest(): T | undefined {
    return this.#levels[this.#levels.length - 1]?.first?.item;
  }

  /** The last of the lowest priority. */
  get lowest(): T | undefined {
    return this.#levels[0]?.last?.item;
  }

  /** Puts a thing behind those of the same priority. Returns where it stands now. */
  add(place: ListNode<T>, item: T, priority: number): Level<T> {
    const index = this.#indexOf(priority);
    let level = this.#levels[index];
    if (level?.priority !== priority) {
      level = new Level<T>(priority);
      this.#levels.splice(index, 0, level);
    }
    level.push(place, item);
    return level;
  }

  /** Takes out what stands at a place of that level. */
  remove(place: ListNode<T>, level: Level<T>): void {
    level.remove(place);
    if (level.size === 0) this.#levels.splice(this.#indexOf(level.priority), 1);
  }

  /** How many stand before one who would come with that priority. */
  ahead(priority: number): number {
    let count = 0;
    for (let index = this.#levels.length - 1; index >= 0; index -= 1) {
      const level = this.#levels[index] as Level<T>;
      if (level.priority < priority) break;
      count += level.size;
    }
    return count;
  }

  /** The index of the first level that is not below a priority. */
  #indexOf(priority: number): number {
    let [low, high] = [0, this.#levels.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#levels[middle] as Level<T>).priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
