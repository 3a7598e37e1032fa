import { suppressedError } from './suppressed-error.js';

/** Gathers what disposals throw, as `DisposableStack` does. */
export class DisposalErrors {
  #gathered: { readonly error: unknown } | undefined;

  add(error: unknown): void {
    this.#gathered = { error: this.#gathered === undefined ? error : suppressedError(error, this.#gathered.error) };
  }

  /** @throws the one error there was, or a `SuppressedError` of all. */
  throwIfAny(): void {
    if (this.#gathered !== undefined) throw this.#gathered.error;
  }
}
