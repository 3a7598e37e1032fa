import type { IdlePools } from './idle-pools.js';

interface Opening {
  readonly bounds: readonly IdlePools[];
  readonly onStart: () => void;
  proceed(): void;
}

/** Connections that wait to be opened until there is a place for their sockets, in the order in which they came. */
export class OpeningLine {
  readonly #waiting = new Set<Opening>();

  /**
   * Returns a promise to wait for, or nothing when the connection may be opened at once. `onStart` is called just before
   * it is opened.
   */
  join(bounds: readonly IdlePools[], onStart: () => void): Promise<void> | undefined {
    const opening: Opening = { bounds, onStart, proceed: () => undefined };
    for (const idle of bounds) idle.waitingOpenings += 1;
    this.#waiting.add(opening);
    this.advance();
    if (!this.#waiting.has(opening)) return undefined;
    return new Promise((resolve) => (opening.proceed = resolve));
  }

  /** Lets those proceed for whom there is a place. */
  advance(): void {
    for (const opening of this.#waiting) {
      if (!opening.bounds.every((idle) => idle.hasPlace)) continue;
      this.#waiting.delete(opening);
      for (const idle of opening.bounds) idle.waitingOpenings -= 1;
      opening.onStart();
      opening.proceed();
    }
  }
}
