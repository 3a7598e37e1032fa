import { LinkedList, ListNode } from '@grpc-manifold/core/internal';

type Callback = (reason: unknown) => void;

/** One listener a signal, however many streams it ends: Node warns from the eleventh listener on. */
class AbortWatch {
  readonly #callbacks = new LinkedList<Callback>();
  readonly #listener = (): void => {
    watches.delete(this.signal);
    for (const callback of this.#callbacks.toArray()) callback(this.signal.reason);
  };

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.#listener, { once: true });
  }

  /** @returns what takes it out again; harmless when it was. */
  add(callback: Callback): () => void {
    const place = new ListNode<Callback>();
    this.#callbacks.push(place, callback);
    return () => this.#remove(place);
  }

  #remove(place: ListNode<Callback>): void {
    if (!this.#callbacks.remove(place)) return;
    if (this.#callbacks.size > 0 || watches.get(this.signal) !== this) return;
    watches.delete(this.signal);
    this.signal.removeEventListener('abort', this.#listener);
  }
}

const watches = new WeakMap<AbortSignal, AbortWatch>();

/**
 * Calls back when a signal is aborted; not when it is aborted already.
 *
 * @param callback must not throw.
 * @returns what ends the watch. The last one to do so leaves no listener on the signal.
 */
export function watchAbort(signal: AbortSignal, callback: Callback): () => void {
  let watch = watches.get(signal);
  if (watch === undefined) watches.set(signal, (watch = new AbortWatch(signal)));
  return watch.add(callback);
}
