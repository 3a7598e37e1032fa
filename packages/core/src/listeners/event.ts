import { warn } from './warn.js';

/** Subscribes a listener; disposing what comes back ends the subscription. */
export interface Event<T> {
  (listener: (payload: T) => void): Disposable;
}

/**
 * Publishes payloads to the listeners of one event. A listener that throws is reported as a process warning and never
 * reaches the code that published: a call must not fail because somebody watches it.
 */
export class Emitter<T> {
  #listeners: ((payload: T) => void)[] = [];

  /** Subscribes; hand this out as the public `onX`. */
  readonly event: Event<T> = (listener) => {
    const entry = (payload: T): void => listener(payload);
    this.#listeners = [...this.#listeners, entry];
    return {
      [Symbol.dispose]: () => {
        this.#listeners = this.#listeners.filter((other) => other !== entry);
      },
    };
  };

  /** True when somebody listens: build the payload only then. */
  get hasListeners(): boolean {
    return this.#listeners.length > 0;
  }

  /** Calls every listener that was subscribed when the call began. */
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
