import { LinkedList, ListNode } from '../lists/linked-list.js';

type Callback = (reason: unknown) => void;

/** The only listener on a signal, shared by all callbacks: Node warns when a signal has more than ten listeners. */
class AbortWatch {
  readonly #callbacks = new LinkedList<Callback>();
  readonly #listener = (): void => {
    watches.delete(this.signal);
    for (const callback of this.#callbacks.toArray()) callback(this.signal.reason);
  };

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.#listener, { once: true });
  }

  /** @returns a function that removes the callback; calling it again does nothing. */
  add(callback: Callback): () => void {
    const node = new ListNode<Callback>();
    this.#callbacks.push(node, callback);
    return () => this.#remove(node);
  }

  #remove(node: ListNode<Callback>): void {
    if (!this.#callbacks.remove(node)) return;
    if (this.#callbacks.size > 0 || watches.get(this.signal) !== this) return;
    watches.delete(this.signal);
    this.signal.removeEventListener('abort', this.#listener);
  }
}

const watches = new WeakMap<AbortSignal, AbortWatch>();

/**
 * Calls back when a signal is aborted. Check `aborted` first: a signal that is already aborted never calls back.
 *
 * @param callback must not throw.
 * @returns a function that ends the watch. When the last watch of a signal ends, its listener is removed.
 */
export function watchAbort(signal: AbortSignal, callback: Callback): () => void {
  let watch = watches.get(signal);
  if (watch === undefined) watches.set(signal, (watch = new AbortWatch(signal)));
  return watch.add(callback);
}
