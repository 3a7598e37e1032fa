import { warn } from './warn.js';

/** Subscribes a listener. Disposing the returned object ends the subscription. */
export interface Event<T> {
  (listener: (payload: T) => void): Disposable;
}

/**
 * Publishes payloads to the listeners of one event. An error that a listener throws becomes a process warning and never
 * reaches the publishing code: a listener must not make a call fail.
 */
export class Emitter<T> {
  #listeners: ((payload: T) => void)[] = [];

  /** Subscribes a listener. Expose this function as the public `onX`. */
  readonly event: Event<T> = (listener) => {
    const entry = (payload: T): void => listener(payload);
    this.#listeners = [...this.#listeners, entry];
    return {
      [Symbol.dispose]: () => {
        this.#listeners = this.#listeners.filter((other) => other !== entry);
      },
    };
  };

  /** True when there is a listener. Build the payload only then. */
  get hasListeners(): boolean {
    return this.#listeners.length > 0;
  }

  /** Calls every listener that is subscribed when `emit` is called. */
  emit(payload: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(payload);
      } catch (error) {
        warn(`An event listener threw: ${String(error)}`);
      }
    }
  }
}
