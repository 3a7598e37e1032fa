import { LinkedList, type ListNode } from '@grpc-manifold/core/internal';

/** The calls of one owner that have been started and have no status yet. */
export class CallSet<Call> {
  readonly #calls = new LinkedList<Call>();
  #whenEmpty: (() => void)[] = [];
  #closed = false;

  /** True when its owner takes no new calls. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Every call that is started from now on is refused. */
  refuseNew(): void {
    this.#closed = true;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Takes a call in, at a place of its own for this set. */
  add(place: ListNode<Call>, call: Call): void {
    if (place.item === undefined) this.#calls.push(place, call);
  }

  /** Takes out what stands at a place of this set; harmless when it is free. */
  delete(place: ListNode<Call>): void {
    if (!this.#calls.remove(place) || this.#calls.size > 0) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }

  /** The calls as they are now: ending one takes it out of the set. */
  snapshot(): Call[] {
    return this.#calls.toArray();
  }

  /** Resolves when no call is left; at once when there is none. */
  whenEmpty(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }
}
